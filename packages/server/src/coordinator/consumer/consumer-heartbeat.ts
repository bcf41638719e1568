import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type Steps, takeAll } from "../../quota/turn-share.ts";
import { heartbeatError } from "../answers.ts";
import { isSameList } from "../fold/apply-entry.ts";
import type { EncodedEntries } from "../fold/entry-batch.ts";
import { type Assignment, type ConsumerMember, EPOCH_AWAY, NO_ASSIGNMENT } from "../fold/group-state.ts";
import type { Turn } from "../group-shard.ts";
import type { ConsumerHeartbeatInput } from "../inputs.ts";
import { shortened } from "../names.ts";
import type { ConsumerDraft } from "./consumer-draft.ts";
import { draftOf, finish, removeMembers } from "./consumer-group.ts";
import { checkRequest, checkRoom, checkWish, type Refusal } from "./heartbeat-checks.ts";
import { upgrade } from "./migration.ts";
import { isSameAssignment, isSubset, reconcile } from "./reconcile.ts";

const LEAVE_EPOCH = -1;

type Input = ConsumerHeartbeatInput;

/** What a heartbeat comes to, on a draft: nothing has changed yet. `encoded`: the entries of the draft, when they are at hand. */
export type Proposal = Readonly<{
  draft: ConsumerDraft;
  before: ConsumerMember;
  member: ConsumerMember;
  encoded: EncodedEntries | undefined;
}>;

/**
 * ConsumerGroupHeartbeat: joins, stays, leaves; the answer carries the member's epoch and, when it changed, its assignment.
 * @param prepared What `propose` gave for this input, when the group and its topics are still those.
 */
export function consumerHeartbeat(turn: Turn, input: Input, prepared?: Proposal): void {
  const refusal = checkRequest(turn, input) ?? (input.memberEpoch < 0 ? depart(turn, input) : attend(turn, input, prepared));
  if (refusal !== undefined) turn.answer(input.groupId, input.token, heartbeatError(refusal.error, refusal.message));
}

function attend(turn: Turn, input: Input, prepared: Proposal | undefined): Refusal | undefined {
  const proposal = prepared ?? takeAll(propose(turn, input));
  if ("error" in proposal) return proposal;
  carryOut(turn, input, proposal);
  return undefined;
}

/** All that has to be found out: for a member that joins a group with many topics, a new target. */
export function* propose(turn: Turn, input: Input): Steps<Proposal | Refusal> {
  const isJoin = input.memberEpoch === 0;
  const draft = draftOf(turn, input.groupId) ?? (isJoin ? upgrade(turn, input.groupId) : undefined);
  if (draft === undefined) return { error: ErrorCode.GROUP_ID_NOT_FOUND, message: `Consumer group ${input.groupId} not found.` };
  if (draft === "full") return { error: ErrorCode.GROUP_MAX_SIZE_REACHED, message: "The coordinator has no room for another group." };
  const refusal = isJoin ? checkRoom(turn, draft, input) : undefined;
  if (refusal !== undefined) return refusal;
  const found = input.instanceId === undefined ? findDynamic(draft, input) : findStatic(draft, input, input.instanceId);
  if ("error" in found) return found;
  const wanted = subscribed(draft, found, input);
  const tooMuch = checkWish(turn, draft, found, wanted);
  if (tooMuch !== undefined) return tooMuch;
  const isSame = isSameList(found.topics, wanted.topics) && found.expression === wanted.expression;
  const member = yield* advance(draft, wanted, input.owned, !isSame || draft.member(found.id) === undefined);
  return { draft, before: found, member, encoded: undefined };
}

function findDynamic(draft: ConsumerDraft, input: Input): ConsumerMember | Refusal {
  const member = draft.member(input.memberId);
  if (input.memberEpoch === 0) return member ?? newMember(input, input.memberId === "" ? input.memberUuid : input.memberId);
  if (member === undefined)
    return { error: ErrorCode.UNKNOWN_MEMBER_ID, message: `Member ${input.memberId} is not a member of the group.` };
  return checkEpoch(member, input) ?? member;
}

function findStatic(draft: ConsumerDraft, input: Input, instanceId: string): ConsumerMember | Refusal {
  const id = draft.base.instances.get(instanceId);
  const member = id === undefined ? undefined : draft.member(id);
  if (input.memberEpoch !== 0) return checkStatic(member, input, instanceId) ?? (member as ConsumerMember);
  const memberId = input.memberId === "" ? input.memberUuid : input.memberId;
  if (member === undefined) return newMember(input, memberId);
  if (member.id === memberId) return member;
  if (member.epoch !== EPOCH_AWAY)
    return { error: ErrorCode.UNRELEASED_INSTANCE_ID, message: `Static member ${instanceId} is still used by another member.` };
  return replace(draft, member, memberId);
}

function checkStatic(member: ConsumerMember | undefined, input: Input, instanceId: string): Refusal | undefined {
  if (member === undefined) return { error: ErrorCode.UNKNOWN_MEMBER_ID, message: `Instance id ${instanceId} is unknown.` };
  if (member.id !== input.memberId)
    return { error: ErrorCode.FENCED_INSTANCE_ID, message: `Static member ${instanceId} was fenced by another member.` };
  return input.memberEpoch > 0 ? checkEpoch(member, input) : undefined;
}

/** The one before is what it is: a member that comes with what it had takes its place and its partitions. */
export function replace(draft: ConsumerDraft, before: ConsumerMember, memberId: string): ConsumerMember {
  const target = draft.target(before.id);
  draft.remove(before.id);
  draft.setTarget(memberId, target);
  const member = { ...before, id: memberId, epoch: 0, previousEpoch: 0, revoking: NO_ASSIGNMENT };
  draft.set(member);
  return member;
}

/** The epoch before is good too when the answer with the newer one may have been lost: it has nothing that it should not have. */
function checkEpoch(member: ConsumerMember, { memberEpoch, owned }: Input): Refusal | undefined {
  if (memberEpoch === member.epoch) return undefined;
  const isLate =
    memberEpoch < member.epoch && memberEpoch === member.previousEpoch && owned !== undefined && isSubset(owned, member.assigned);
  if (isLate) return undefined;
  return {
    error: ErrorCode.FENCED_MEMBER_EPOCH,
    message: `The member epoch is ${memberEpoch}, the coordinator's ${member.epoch}. Leave and rejoin.`,
  };
}

function newMember({ instanceId, rackId, clientId, clientHost, rebalanceTimeoutMs, assignor }: Input, id: string): ConsumerMember {
  const identity = { id, instanceId, clientId: shortened(clientId), clientHost: shortened(clientHost) };
  const nothing = {
    topics: [],
    expression: undefined,
    epoch: 0,
    previousEpoch: 0,
    assigned: NO_ASSIGNMENT,
    revoking: NO_ASSIGNMENT,
    classic: undefined,
  };
  return { ...identity, rackId, rebalanceTimeoutMs, assignor, ...nothing };
}

function carryOut(turn: Turn, input: Input, { draft, before, member, encoded }: Proposal): void {
  const sessions = finish(turn, draft, input.groupId, encoded);
  sessions.sessions.set(member.id, turn.nowMs + turn.shard.options.consumerSessionTimeoutMs);
  sessions.expectRevocation(member, turn.nowMs);
  turn.schedule(sessions, sessions.sessions.get(member.id) ?? 0);
  turn.schedule(sessions, sessions.duties.get(member.id) ?? Number.POSITIVE_INFINITY);
  const isFull = input.rebalanceTimeoutMs >= 0 && (input.topics ?? input.expression) !== undefined && input.owned !== undefined;
  const hasChanged = input.memberEpoch === 0 || isFull || !isSameAssignment(before.assigned, member.assigned);
  const assignment = hasChanged ? member.assigned : undefined;
  const { consumerHeartbeatIntervalMs: heartbeatIntervalMs } = turn.shard.options;
  const answer = {
    error: ErrorCode.NONE,
    message: undefined,
    memberId: member.id,
    memberEpoch: member.epoch,
    heartbeatIntervalMs,
    assignment,
  };
  turn.answer(input.groupId, input.token, { kind: "consumer-heartbeat", ...answer }, true);
}

/** What the member says anew; what it does not say stays. */
function subscribed(draft: ConsumerDraft, member: ConsumerMember, input: Input): ConsumerMember {
  const topics = input.topics === undefined ? member.topics : draft.shared([...new Set(input.topics)].sort());
  const rebalanceTimeoutMs = input.rebalanceTimeoutMs < 0 ? member.rebalanceTimeoutMs : input.rebalanceTimeoutMs;
  const [assignor, rackId] = [input.assignor ?? member.assignor, input.rackId ?? member.rackId];
  const expression = input.expression === undefined ? member.expression : input.expression || undefined;
  const isSame =
    isSameList(topics, member.topics) &&
    expression === member.expression &&
    rebalanceTimeoutMs === member.rebalanceTimeoutMs &&
    assignor === member.assignor &&
    rackId === member.rackId &&
    member.classic === undefined;
  return isSame ? member : { ...member, topics, expression, rebalanceTimeoutMs, assignor, rackId, classic: undefined };
}

/** Epoch, target and the member's own next step, in this order. */
export function* advance(
  draft: ConsumerDraft,
  member: ConsumerMember,
  owned: Assignment | undefined,
  isChanged: boolean,
): Steps<ConsumerMember> {
  draft.set(member);
  if (isChanged) draft.bump();
  yield* draft.retarget();
  const next = reconcile(member, draft.target(member.id), draft.targetEpoch, owned, (topicId, partition) =>
    draft.ownerOf(topicId, partition),
  );
  draft.set(next);
  return next;
}

/** Leaves, or, static, goes away for a while: then its partitions wait for it until its session ends. */
function depart(turn: Turn, input: Input): Refusal | undefined {
  const draft = draftOf(turn, input.groupId);
  if (draft === undefined) return { error: ErrorCode.GROUP_ID_NOT_FOUND, message: `Consumer group ${input.groupId} not found.` };
  const { instanceId, memberEpoch } = input;
  const id = instanceId === undefined ? input.memberId : draft.base.instances.get(instanceId);
  const member = id === undefined ? undefined : draft.member(id);
  const refusal = instanceId === undefined ? undefined : checkStatic(member, input, instanceId);
  if (refusal !== undefined) return refusal;
  if (member === undefined)
    return { error: ErrorCode.UNKNOWN_MEMBER_ID, message: `Member ${input.memberId} is not a member of the group.` };
  if (memberEpoch === LEAVE_EPOCH) removeMembers(turn, draft, [member.id]);
  else away(turn, draft, member);
  const answer = {
    error: ErrorCode.NONE,
    message: undefined,
    memberId: member.id,
    memberEpoch,
    heartbeatIntervalMs: 0,
    assignment: undefined,
  };
  turn.answer(input.groupId, input.token, { kind: "consumer-heartbeat", ...answer }, true);
  return undefined;
}

function away(turn: Turn, draft: ConsumerDraft, member: ConsumerMember): void {
  draft.set({ ...member, epoch: EPOCH_AWAY, previousEpoch: member.epoch, revoking: NO_ASSIGNMENT });
  finish(turn, draft, draft.groupId).duties.delete(member.id);
}
