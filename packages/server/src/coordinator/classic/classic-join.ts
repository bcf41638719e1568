import { Buffer } from "node:buffer";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { must } from "../../base/assert.ts";
import { joinError } from "../answers.ts";
import { type JoinProposal, joinConsumer } from "../consumer/classic-in-consumer.ts";
import { protocolBytes } from "../fold/apply-entry.ts";
import type { ClassicProtocol } from "../fold/group-state.ts";
import type { Turn } from "../group-shard.ts";
import type { JoinInput } from "../inputs.ts";
import { NAME_BYTES_MAX, NAME_CHARS_MAX, NEW_MEMBER_WAIT_MS, PROTOCOLS_MAX, SUBSCRIPTION_BYTES_MAX } from "../limits.ts";
import { checkMember } from "../member-check.ts";
import { shortened } from "../names.ts";
import { ClassicGroup, type LiveMember } from "./classic-group.ts";
import { joinAnswer, rebalance, removeMember, renewSession } from "./classic-rebalance.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * JoinGroup: enters a generation, and is answered when that is complete.
 * @param prepared Of a group of the new protocol: what it comes to there.
 */
export function join(turn: Turn, input: JoinInput, prepared?: JoinProposal): void {
  const error = checkRequest(turn, input);
  if (error !== ErrorCode.NONE) return answerError(turn, input, error);
  if (turn.isConsumer(input.groupId)) return joinConsumer(turn, input, prepared);
  const known = turn.classic(input.groupId);
  if (known === undefined && input.memberId !== "") return answerError(turn, input, ErrorCode.UNKNOWN_MEMBER_ID);
  if (known === undefined && turn.shard.isFull) return answerError(turn, input, ErrorCode.GROUP_MAX_SIZE_REACHED);
  const group = known ?? turn.keep(new ClassicGroup(input.groupId));
  if (!hasRoom(turn, group, input)) refuseFull(turn, group, input);
  else if (turn.shard.isCrowded && growthBytes(group, input) > 0) answerError(turn, input, ErrorCode.COORDINATOR_NOT_AVAILABLE);
  else if (!group.supports(input.protocolType, input.protocols)) answerError(turn, input, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  else if (input.memberId === "") joinNew(turn, group, input);
  else joinAgain(turn, group, input);
}

/** What a join says by itself. @returns a Kafka error, 0: none. */
export function checkRequest(turn: Turn, input: JoinInput): number {
  const { sessionTimeoutMsMin, sessionTimeoutMsMax } = turn.shard.options;
  if (input.sessionTimeoutMs < sessionTimeoutMsMin || input.sessionTimeoutMs > sessionTimeoutMsMax)
    return ErrorCode.INVALID_SESSION_TIMEOUT;
  if (Buffer.byteLength(input.protocolType) > NAME_BYTES_MAX || input.rebalanceTimeoutMs < 0) return ErrorCode.INVALID_REQUEST;
  if (input.instanceId !== undefined && (input.instanceId === "" || input.instanceId.length > NAME_CHARS_MAX))
    return ErrorCode.INVALID_REQUEST;
  return checkProtocols(input.protocols);
}

function checkProtocols(protocols: readonly ClassicProtocol[]): number {
  if (protocols.length > PROTOCOLS_MAX) return ErrorCode.INVALID_REQUEST;
  const names = new Set<string>();
  let bytes = 0;
  for (const { name, metadata } of protocols) {
    if (names.has(name) || Buffer.byteLength(name) > NAME_BYTES_MAX) return ErrorCode.INVALID_REQUEST;
    names.add(name);
    bytes += metadata.byteLength;
  }
  return bytes > SUBSCRIPTION_BYTES_MAX ? ErrorCode.GROUP_MAX_SIZE_REACHED : ErrorCode.NONE;
}

function answerError(turn: Turn, input: JoinInput, error: number, memberId = input.memberId): void {
  turn.answer(input.groupId, input.token, joinError(error, memberId));
}

/** Members of the generation before that did not join again make room while one is being prepared. What members say may not grow beyond an entry. */
function hasRoom(turn: Turn, group: ClassicGroup, input: JoinInput): boolean {
  const { membersMax, groupBytesMax } = turn.shard.options;
  const member = group.members.get(input.memberId);
  const before = memberBefore(group, input);
  const growth = growthBytes(group, input);
  if (growth > 0 && (turn.shard.isPacked || group.memberBytes + growth > groupBytesMax)) return false;
  if (group.state === "PreparingRebalance" ? member?.joinToken !== undefined : before !== undefined) return true;
  if (before !== undefined && before !== member) return true;
  if (group.pending.size >= membersMax && !group.pending.has(input.memberId)) return false;
  return (group.state === "PreparingRebalance" ? group.awaitingJoin : group.members.size) < membersMax;
}

/** The member, or the static one whose place it takes. */
function memberBefore(group: ClassicGroup, { memberId, instanceId }: JoinInput): LiveMember | undefined {
  return group.members.get(memberId) ?? group.members.get(group.instances.get(instanceId ?? "") ?? "");
}

/** How much more is to be known of it than before; also of one that offers nothing. */
function growthBytes(group: ClassicGroup, input: JoinInput): number {
  const before = memberBefore(group, input);
  return before === undefined ? 1 + protocolBytes(input.protocols) : protocolBytes(input.protocols) - protocolBytes(before.protocols);
}

function refuseFull(turn: Turn, group: ClassicGroup, input: JoinInput): void {
  const member = group.members.get(input.memberId);
  if (member !== undefined) removeMember(turn, group, member);
  group.pending.delete(input.memberId);
  answerError(turn, input, ErrorCode.GROUP_MAX_SIZE_REACHED, "");
  if (group.state === "PreparingRebalance") rebalance(turn, group);
}

function joinNew(turn: Turn, group: ClassicGroup, input: JoinInput): void {
  const prefix = input.instanceId ?? shortened(input.clientId);
  const memberId = `${prefix}-${input.memberUuid}`;
  const before = input.instanceId === undefined ? undefined : group.instances.get(input.instanceId);
  if (before !== undefined) return replaceStatic(turn, group, input, must(group.members.get(before), "a static member"), memberId);
  if (input.instanceId !== undefined || !input.needsKnownId) return addAndRebalance(turn, group, input, memberId);
  const deadlineMs = turn.nowMs + input.sessionTimeoutMs;
  group.pending.set(memberId, deadlineMs);
  turn.schedule(group, deadlineMs);
  answerError(turn, input, ErrorCode.MEMBER_ID_REQUIRED, memberId);
}

function addAndRebalance(turn: Turn, group: ClassicGroup, input: JoinInput, memberId: string): void {
  if (group.members.size === 0) group.protocolType = input.protocolType;
  const member = newMember(turn, input, memberId);
  group.add(member);
  if (group.state === "PreparingRebalance" && group.isInitial) group.newMemberAdded = true;
  turn.schedule(group, member.deadlineMs);
  rebalance(turn, group);
}

function newMember(turn: Turn, input: JoinInput, id: string): LiveMember {
  const { instanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocols } = input;
  return {
    id,
    instanceId,
    clientId: shortened(input.clientId),
    clientHost: shortened(input.clientHost),
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocols,
    assignment: NO_BYTES,
    joinToken: input.token,
    syncToken: undefined,
    isNew: true,
    deadlineMs: turn.nowMs + NEW_MEMBER_WAIT_MS,
  };
}

function joinAgain(turn: Turn, group: ClassicGroup, input: JoinInput): void {
  if (group.pending.has(input.memberId) && input.instanceId === undefined) return addAndRebalance(turn, group, input, input.memberId);
  const error = checkMember(group, input.memberId, input.instanceId);
  if (error !== ErrorCode.NONE) return answerError(turn, input, error);
  const member = must(group.members.get(input.memberId), "a member that was checked");
  if (needsRebalance(group, member, input.protocols)) return updateAndRebalance(turn, group, input, member);
  // It has not heard the answer to its last join: the same again. In a stable generation nobody has to assign.
  const answer = joinAnswer(group, member);
  renewSession(turn, group, member);
  turn.answer(group.id, input.token, answer);
}

/** A leader that joins again wants to assign anew, perhaps since topics changed. */
function needsRebalance(group: ClassicGroup, member: LiveMember, protocols: readonly ClassicProtocol[]): boolean {
  if (group.state === "PreparingRebalance" || !sameProtocols(member.protocols, protocols)) return true;
  return group.state === "Stable" && group.leader === member.id;
}

function sameProtocols(some: readonly ClassicProtocol[], others: readonly ClassicProtocol[]): boolean {
  if (some.length !== others.length) return false;
  return some.every(({ name, metadata }, at) => {
    const other = others[at];
    return other?.name === name && Buffer.compare(other.metadata, metadata) === 0;
  });
}

function updateAndRebalance(turn: Turn, group: ClassicGroup, input: JoinInput, member: LiveMember): void {
  update(turn, group, input, member);
  rebalance(turn, group);
}

function update(turn: Turn, group: ClassicGroup, input: JoinInput, member: LiveMember): void {
  group.offer(member, input.protocols);
  member.sessionTimeoutMs = input.sessionTimeoutMs;
  member.rebalanceTimeoutMs = input.rebalanceTimeoutMs;
  renewSession(turn, group, member);
  const before = group.awaitJoin(member, input.token);
  // The client gave up on that request, or its connection ended; it must not hear of a generation twice.
  if (before !== undefined) turn.answer(group.id, before, joinError(ErrorCode.REBALANCE_IN_PROGRESS, member.id));
}

/** A static member came back, without its id: it takes the place of the one before, which is fenced from now on. */
function replaceStatic(turn: Turn, group: ClassicGroup, input: JoinInput, before: LiveMember, memberId: string): void {
  const wasLeader = group.leader === before.id;
  const member = replaced(turn, input, before, memberId);
  removeMember(turn, group, before, ErrorCode.FENCED_INSTANCE_ID);
  group.add(member);
  turn.schedule(group, member.deadlineMs);
  if (wasLeader) group.leader = memberId;
  if (group.state !== "Stable" || group.chooseProtocol() !== group.protocol) {
    group.awaitJoin(member, input.token);
    return rebalance(turn, group);
  }
  // The assignment goes on. A client that cannot be told so must not believe that it leads, or it would assign.
  turn.append(group.id, [{ kind: "group", groupId: group.id, membership: group.durable }]);
  const answer = joinAnswer(group, member);
  const quiet = { ...answer, leader: before.id, members: [] };
  const skipping = { ...answer, skipAssignment: wasLeader };
  turn.answer(group.id, input.token, wasLeader && !input.canSkipAssignment ? quiet : skipping, true);
}

function replaced(turn: Turn, input: JoinInput, before: LiveMember, memberId: string): LiveMember {
  const { assignment, isNew } = before;
  return { ...newMember(turn, input, memberId), assignment, isNew, joinToken: undefined, deadlineMs: turn.nowMs + input.sessionTimeoutMs };
}
