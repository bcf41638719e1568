import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { must } from "../../base/assert.ts";
import { type SyncAnswer, syncError } from "../answers.ts";
import { beatConsumer, leaveConsumer, syncConsumer } from "../consumer/classic-in-consumer.ts";
import type { Turn } from "../group-shard.ts";
import type { HeartbeatInput, LeaveInput, SyncInput } from "../inputs.ts";
import { ASSIGNMENT_BYTES_MAX } from "../limits.ts";
import { checkMember } from "../member-check.ts";
import type { GroupOptions } from "../options.ts";
import type { ClassicGroup, LiveMember } from "./classic-group.ts";
import { completeIfReady, joinTimeOver, rebalance, removeMember, renewSession } from "./classic-rebalance.ts";
import { assignmentsOf, type CompleteGeneration, fits, givenTo } from "./complete-generation.ts";

const NEVER = Number.POSITIVE_INFINITY;

/**
 * SyncGroup: the leader hands in what it assigned, everybody gets theirs.
 * @param prepared What the group comes to by that, as it was some turns ago.
 */
export function sync(turn: Turn, input: SyncInput, prepared?: CompleteGeneration): void {
  if (turn.isConsumer(input.groupId)) return syncConsumer(turn, input);
  const group = turn.classic(input.groupId);
  const error = group === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : checkSync(group, input);
  if (group === undefined || error !== ErrorCode.NONE) return turn.answer(input.groupId, input.token, syncError(error));
  const member = must(group.members.get(input.memberId), "a member that was checked");
  group.unsynced.delete(member.id);
  if (group.state === "Stable") {
    renewSession(turn, group, member);
    return turn.answer(group.id, input.token, syncAnswer(group, member), true);
  }
  if (member.syncToken !== undefined) turn.answer(group.id, member.syncToken, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
  member.syncToken = input.token;
  if (member.id === group.leader) takeAssignments(turn, group, input, prepared);
}

/** @returns a Kafka error, 0: none. */
export function checkSync(group: ClassicGroup, input: SyncInput): number {
  const error = checkMember(group, input.memberId, input.instanceId);
  if (error !== ErrorCode.NONE) return error;
  if (input.generation !== group.generation) return ErrorCode.ILLEGAL_GENERATION;
  if (input.protocolType !== undefined && input.protocolType !== group.protocolType) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  if (input.protocol !== undefined && input.protocol !== group.protocol) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  return group.state === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

/** The generation is complete: from here on it is durable, and answered when it is. */
function takeAssignments(turn: Turn, group: ClassicGroup, input: SyncInput, prepared: CompleteGeneration | undefined): void {
  const assignments = assignmentsOf(input);
  if (isTooLarge(turn.shard.options, group, assignments)) {
    must(group.members.get(input.memberId), "the leader").syncToken = undefined;
    return turn.answer(group.id, input.token, syncError(ErrorCode.GROUP_MAX_SIZE_REACHED));
  }
  for (const member of group.members.values()) group.assign(member, givenTo(member, assignments));
  group.state = "Stable";
  if (prepared !== undefined && fits(prepared, group)) turn.append(group.id, prepared.encoded.entries, true, prepared.encoded.batch);
  else turn.append(group.id, [{ kind: "group", groupId: group.id, membership: group.durable }]);
  for (const member of group.members.values()) {
    if (member.syncToken === undefined) continue;
    turn.answer(group.id, member.syncToken, syncAnswer(group, member), true);
    member.syncToken = undefined;
    renewSession(turn, group, member);
  }
}

/** What a leader brings beside what there is: one of it, or all that the members take. */
export function isTooLarge({ groupBytesMax }: GroupOptions, group: ClassicGroup, assignments: ReadonlyMap<string, Uint8Array>): boolean {
  let bytes = group.memberBytes;
  for (const member of group.members.values()) bytes += givenTo(member, assignments).byteLength - member.assignment.byteLength;
  for (const assignment of assignments.values()) if (assignment.byteLength > ASSIGNMENT_BYTES_MAX) return true;
  return bytes > groupBytesMax;
}

function syncAnswer(group: ClassicGroup, member: LiveMember): SyncAnswer {
  const { protocolType, protocol } = group;
  return { kind: "sync", error: ErrorCode.NONE, protocolType, protocol, assignment: member.assignment };
}

/** Heartbeat: the member is alive, and hears of a rebalance. */
export function heartbeat(turn: Turn, input: HeartbeatInput): void {
  const error = turn.isConsumer(input.groupId) ? beatConsumer(turn, input) : beat(turn, input);
  turn.answer(input.groupId, input.token, { kind: "heartbeat", error });
}

function beat(turn: Turn, input: HeartbeatInput): number {
  const group = turn.classic(input.groupId);
  if (group === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  const error = checkMember(group, input.memberId, input.instanceId);
  if (error !== ErrorCode.NONE) return error;
  if (input.generation !== group.generation) return ErrorCode.ILLEGAL_GENERATION;
  renewSession(turn, group, must(group.members.get(input.memberId), "a member that was checked"));
  return group.state === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

/** LeaveGroup: each member by itself, then at most one rebalance. */
export function leave(turn: Turn, input: LeaveInput): void {
  const codes = turn.isConsumer(input.groupId) ? leaveConsumer(turn, input) : leaveClassic(turn, input);
  const members = input.members.map((member, at) => ({ ...member, error: codes[at] ?? ErrorCode.UNKNOWN_MEMBER_ID }));
  turn.answer(input.groupId, input.token, { kind: "leave", error: ErrorCode.NONE, members }, codes.includes(ErrorCode.NONE));
}

function leaveClassic(turn: Turn, input: LeaveInput): number[] {
  const group = turn.classic(input.groupId);
  if (group === undefined) return [];
  const codes = input.members.map((member) => leaveOne(turn, group, member));
  if (codes.includes(ErrorCode.NONE)) afterRemoval(turn, group);
  return codes;
}

/** A static member may be named by its instance id alone: then a person removes it. */
function leaveOne(turn: Turn, group: ClassicGroup, { memberId, instanceId }: LeaveInput["members"][number]): number {
  if (instanceId === undefined && group.pending.delete(memberId)) return ErrorCode.NONE;
  const id = memberId === "" && instanceId !== undefined ? (group.instances.get(instanceId) ?? "") : memberId;
  const error = checkMember(group, id, instanceId);
  if (error === ErrorCode.NONE) removeMember(turn, group, must(group.members.get(id), "a member that was checked"));
  return error;
}

function afterRemoval(turn: Turn, group: ClassicGroup): void {
  if (group.state === "PreparingRebalance") completeIfReady(turn, group);
  else if (group.state !== "Empty") rebalance(turn, group);
}

/** What time does to the group: sessions, ids that nobody used, members that do not ask for their assignment, the end of joining. */
export function expireClassic(turn: Turn, group: ClassicGroup): void {
  let isFewer = expirePending(turn, group);
  for (const member of [...group.members.values()])
    if (member.deadlineMs <= turn.nowMs && expireMember(turn, group, member)) isFewer = true;
  if (group.syncDeadlineMs <= turn.nowMs && dropUnsynced(turn, group)) isFewer = true;
  const before = group.state;
  if (isFewer) afterRemoval(turn, group);
  if (before === "PreparingRebalance" && group.state === before && group.joinDeadlineMs <= turn.nowMs) joinTimeOver(turn, group);
  turn.schedule(group, group.nextDeadlineMs);
  turn.settle(group.id);
}

function expirePending(turn: Turn, group: ClassicGroup): boolean {
  let isFewer = false;
  for (const [memberId, deadlineMs] of group.pending) if (deadlineMs <= turn.nowMs) isFewer = group.pending.delete(memberId);
  return isFewer && group.state === "PreparingRebalance";
}

/** Who waits for an answer cannot send heartbeats; a new member, which may have gone, is told to come again. */
function expireMember(turn: Turn, group: ClassicGroup, member: LiveMember): boolean {
  const isWaiting = member.joinToken !== undefined || member.syncToken !== undefined;
  if (isWaiting && !member.isNew) {
    renewSession(turn, group, member);
    return false;
  }
  removeMember(turn, group, member);
  return true;
}

function dropUnsynced(turn: Turn, group: ClassicGroup): boolean {
  group.syncDeadlineMs = NEVER;
  const missing = [...group.unsynced];
  for (const memberId of missing) {
    const member = group.members.get(memberId);
    if (member !== undefined) removeMember(turn, group, member);
  }
  group.unsynced.clear();
  return missing.length > 0;
}
