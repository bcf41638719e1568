import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { must } from "../../base/assert.ts";
import { type Steps, takeAll } from "../../quota/turn-share.ts";
import { type JoinAnswer, joinError, syncError } from "../answers.ts";
import { CONSUMER_PROTOCOL, decodeSubscription, encodeAssignment } from "../classic/subscription.ts";
import { isSameList, protocolBytes } from "../fold/apply-entry.ts";
import type { EncodedEntries } from "../fold/entry-batch.ts";
import { type ConsumerMember, type ConsumerMembership, NO_ASSIGNMENT } from "../fold/group-state.ts";
import type { Turn } from "../group-shard.ts";
import type { HeartbeatInput, JoinInput, LeaveInput, SyncInput } from "../inputs.ts";
import { checkMember } from "../member-check.ts";
import { isName, shortened } from "../names.ts";
import type { ConsumerDraft } from "./consumer-draft.ts";
import { draftOf, finish, removeMembers } from "./consumer-group.ts";
import { advance, replace } from "./consumer-heartbeat.ts";
import type { ConsumerSessions } from "./consumer-sessions.ts";
import { idsOf, wantedBy } from "./migration.ts";
import { isReconciled } from "./reconcile.ts";

// Members of the classic protocol in a group of the new one. The coordinator assigns, so nobody leads and no join waits; a heartbeat tells them to join
// whenever there is something to give up or to get.

/** What a join comes to, on a draft: nothing has changed yet. `encoded`: the entries of the draft, when they are at hand. */
export type JoinProposal = Readonly<{ draft: ConsumerDraft; member: ConsumerMember; encoded: EncodedEntries | undefined }>;

/** Why it is refused, and the id that it is told. */
type JoinRefusal = Readonly<{ error: number; memberId: string }>;

/**
 * JoinGroup, whose own checks were made.
 * @param prepared What `proposeJoin` gave for this input, when the group and its topics are still those.
 */
export function joinConsumer(turn: Turn, input: JoinInput, prepared: JoinProposal | undefined): void {
  const proposal = prepared ?? takeAll(proposeJoin(turn, input));
  if ("error" in proposal) return turn.answer(input.groupId, input.token, joinError(proposal.error, proposal.memberId));
  const { draft, member, encoded } = proposal;
  const sessions = finish(turn, draft, input.groupId, encoded);
  renew(turn, sessions, member);
  sessions.duties.delete(member.id);
  expect(turn, sessions, member);
  turn.answer(input.groupId, input.token, joined(member), true);
}

/** All that has to be found out; the group is one of the new protocol. */
export function* proposeJoin(turn: Turn, input: JoinInput): Steps<JoinProposal | JoinRefusal> {
  const draft = must(draftOf(turn, input.groupId), "a group of the new protocol");
  const wanted = wantedBy(input);
  const refused = (error: number, memberId = input.memberId): JoinRefusal => ({ error, memberId });
  if (wanted === undefined || !supports(draft.base, input)) return refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  const before = find(draft, input);
  if (typeof before === "number") return refused(before);
  const memberId = input.memberId === "" ? `${input.instanceId ?? shortened(input.clientId)}-${input.memberUuid}` : input.memberId;
  if (!hasRoom(turn, draft, input, before)) return refused(ErrorCode.GROUP_MAX_SIZE_REACHED, "");
  if (before === undefined && input.memberId === "" && input.instanceId === undefined && input.needsKnownId)
    return refused(ErrorCode.MEMBER_ID_REQUIRED, memberId);
  const known = before !== undefined && before.id !== memberId ? replace(draft, before, memberId) : before;
  const { rebalanceTimeoutMs, sessionTimeoutMs, protocols } = input;
  const next = { ...(known ?? newMember(input, memberId)), ...wanted, rebalanceTimeoutMs, classic: { sessionTimeoutMs, protocols } };
  const isChanged = known === undefined || !isSameList(known.topics, wanted.topics);
  return { draft, member: yield* advance(draft, next, ownedBy(turn, input), isChanged), encoded: undefined };
}

/** Everybody of the classic protocol has to know one that it offers, so that the group can be theirs again. */
function supports(group: ConsumerMembership, input: JoinInput): boolean {
  if (input.protocolType !== CONSUMER_PROTOCOL) return false;
  const others = [...group.members.values()].filter(({ id, classic }) => classic !== undefined && id !== input.memberId);
  return input.protocols.some(({ name }) => others.every(({ classic }) => classic?.protocols.some((offered) => offered.name === name)));
}

/** @returns a Kafka error, or undefined: it is new. */
function find(draft: ConsumerDraft, { memberId, instanceId }: JoinInput): ConsumerMember | number | undefined {
  if (instanceId === undefined) return memberId === "" ? undefined : draft.member(memberId);
  const id = draft.base.instances.get(instanceId);
  if (id === undefined) return memberId === "" ? undefined : ErrorCode.UNKNOWN_MEMBER_ID;
  return memberId === "" || memberId === id ? draft.member(id) : ErrorCode.FENCED_INSTANCE_ID;
}

/** What it says is kept twice: as it came, and as what it wants. */
function hasRoom(turn: Turn, { base }: ConsumerDraft, input: JoinInput, before: ConsumerMember | undefined): boolean {
  const { membersMax, groupBytesMax } = turn.shard.options;
  const bytes = turn.shard.fold.groups.get(input.groupId)?.membershipBytes ?? 0;
  const growthBytes = 2 * (protocolBytes(input.protocols) - protocolBytes(before?.classic?.protocols ?? []));
  if (growthBytes > 0 && (turn.shard.isPacked || bytes + growthBytes > groupBytesMax)) return false;
  return before !== undefined || (base.members.size < membersMax && isName(input.memberId));
}

function newMember(
  { instanceId, clientId, clientHost }: JoinInput,
  id: string,
): Omit<ConsumerMember, "topics" | "expression" | "rackId" | "classic" | "rebalanceTimeoutMs"> {
  const identity = { id, instanceId, clientId: shortened(clientId), clientHost: shortened(clientHost) };
  return { ...identity, assignor: undefined, epoch: 0, previousEpoch: 0, assigned: NO_ASSIGNMENT, revoking: NO_ASSIGNMENT };
}

/** A member of an eager protocol has given up all before it joins; it says nothing of what it has. */
function ownedBy(turn: Turn, { protocols }: JoinInput): ReturnType<typeof idsOf> {
  const metadata = protocols[0]?.metadata;
  const subscription = metadata === undefined ? undefined : decodeSubscription(metadata);
  return idsOf(subscription?.ownedPartitions ?? [], turn.shard.topology);
}

function joined(member: ConsumerMember): JoinAnswer {
  const protocol = member.classic?.protocols[0]?.name;
  const rest = { protocolType: CONSUMER_PROTOCOL, protocol, leader: "", skipAssignment: false, members: [] };
  return { kind: "join", error: ErrorCode.NONE, generation: member.epoch, memberId: member.id, ...rest };
}

function renew(turn: Turn, sessions: ConsumerSessions, member: ConsumerMember): void {
  const deadlineMs = turn.nowMs + (member.classic?.sessionTimeoutMs ?? turn.shard.options.consumerSessionTimeoutMs);
  sessions.sessions.set(member.id, deadlineMs);
  turn.schedule(sessions, deadlineMs);
}

function expect(turn: Turn, sessions: ConsumerSessions, member: ConsumerMember): void {
  sessions.expect(member, turn.nowMs);
  turn.schedule(sessions, must(sessions.duties.get(member.id), "a duty"));
}

/** SyncGroup: the assignment is made already. */
export function syncConsumer(turn: Turn, input: SyncInput): void {
  const draft = must(draftOf(turn, input.groupId), "a group of the new protocol");
  const error = checkClassic(draft.base, input) || checkProtocol(draft.base, input);
  if (error !== ErrorCode.NONE) return turn.answer(input.groupId, input.token, syncError(error));
  const member = must(draft.member(input.memberId), "a member that was checked");
  const sessions = finish(turn, draft, input.groupId);
  renew(turn, sessions, member);
  const isBehind = draft.epoch > member.epoch && member.revoking.size === 0;
  if (isBehind) {
    expect(turn, sessions, member);
    return turn.answer(input.groupId, input.token, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
  }
  sessions.duties.delete(member.id);
  const protocol = member.classic?.protocols[0]?.name;
  const assignment = encodeAssignment(member.assigned, turn.shard.topology);
  turn.answer(input.groupId, input.token, { kind: "sync", error, protocolType: CONSUMER_PROTOCOL, protocol, assignment }, true);
}

type Said = Readonly<{ memberId: string; instanceId: string | undefined; generation: number }>;

function checkClassic(group: ConsumerMembership, { memberId, instanceId, generation }: Said): number {
  const error = checkMember(group, memberId, instanceId);
  if (error !== ErrorCode.NONE) return error;
  const member = must(group.members.get(memberId), "a member that was checked");
  if (member.classic === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return generation === member.epoch ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
}

function checkProtocol(group: ConsumerMembership, { memberId, protocolType, protocol }: SyncInput): number {
  const name = group.members.get(memberId)?.classic?.protocols[0]?.name;
  const isOther = (protocolType !== undefined && protocolType !== CONSUMER_PROTOCOL) || (protocol !== undefined && protocol !== name);
  return isOther ? ErrorCode.INCONSISTENT_GROUP_PROTOCOL : ErrorCode.NONE;
}

/** Heartbeat: there is something to give up, or to get, or the group has moved on. */
export function beatConsumer(turn: Turn, input: HeartbeatInput): number {
  const draft = must(draftOf(turn, input.groupId), "a group of the new protocol");
  const error = checkClassic(draft.base, input);
  if (error !== ErrorCode.NONE) return error;
  const member = must(draft.member(input.memberId), "a member that was checked");
  const sessions = finish(turn, draft, input.groupId);
  renew(turn, sessions, member);
  if (!isDue(draft, member)) return ErrorCode.NONE;
  expect(turn, sessions, member);
  return ErrorCode.REBALANCE_IN_PROGRESS;
}

/** Waiting for what others still hold is no reason to join. */
function isDue(draft: ConsumerDraft, member: ConsumerMember): boolean {
  // Also while it gives something up: its epoch moves when that is done.
  if (member.epoch < draft.epoch) return true;
  if (isReconciled(draft.base, member)) return false;
  for (const [topicId, partitions] of draft.target(member.id))
    for (const partition of partitions) {
      const owner = draft.ownerOf(topicId, partition);
      if (owner === undefined) return true;
    }
  return false;
}

/** LeaveGroup: who is there leaves, for good. Only members of the classic protocol can say so. @returns a code for each. */
export function leaveConsumer(turn: Turn, input: LeaveInput): number[] {
  const draft = must(draftOf(turn, input.groupId), "a group of the new protocol");
  const leaving = new Set<string>();
  const codes = input.members.map(({ memberId, instanceId }) => {
    const id = memberId === "" && instanceId !== undefined ? (draft.base.instances.get(instanceId) ?? "") : memberId;
    const error = leaving.has(id) ? ErrorCode.UNKNOWN_MEMBER_ID : checkMember(draft.base, id, instanceId);
    const isClassic = draft.member(id)?.classic !== undefined || instanceId !== undefined;
    if (error === ErrorCode.NONE && isClassic) leaving.add(id);
    return error === ErrorCode.NONE && !isClassic ? ErrorCode.UNKNOWN_MEMBER_ID : error;
  });
  if (leaving.size > 0) removeMembers(turn, draft, [...leaving]);
  return codes;
}
