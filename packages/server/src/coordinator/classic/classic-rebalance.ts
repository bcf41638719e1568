import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { must } from "../../base/assert.ts";
import { type JoinAnswer, joinError, syncError } from "../answers.ts";
import type { Turn } from "../group-shard.ts";
import { NOBODY_JOINED_WAIT_MS } from "../limits.ts";
import type { ClassicGroup, LiveMember } from "./classic-group.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** A new generation is needed: begins one, or completes the one under way when everybody is there. */
export function rebalance(turn: Turn, group: ClassicGroup): void {
  if (group.state !== "PreparingRebalance") prepare(turn, group);
  else completeIfReady(turn, group);
}

/** Not in an initial rebalance, which waits for its time. */
export function completeIfReady(turn: Turn, group: ClassicGroup): void {
  if (group.state === "PreparingRebalance" && !group.isInitial && group.hasAllJoined) completeJoin(turn, group);
}

function prepare(turn: Turn, group: ClassicGroup): void {
  if (group.state === "CompletingRebalance") refuseSyncs(turn, group);
  group.syncDeadlineMs = NEVER;
  group.unsynced.clear();
  group.isInitial = group.state === "Empty";
  group.newMemberAdded = false;
  group.state = "PreparingRebalance";
  if (!group.isInitial) return completeOrWait(turn, group);
  const { initialRebalanceDelayMs } = turn.shard.options;
  group.initialRemainingMs = Math.max(group.rebalanceTimeoutMs - initialRebalanceDelayMs, 0);
  waitForJoins(turn, group, initialRebalanceDelayMs);
}

function refuseSyncs(turn: Turn, group: ClassicGroup): void {
  for (const member of group.members.values()) {
    if (member.syncToken !== undefined) turn.answer(group.id, member.syncToken, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
    member.syncToken = undefined;
  }
}

function completeOrWait(turn: Turn, group: ClassicGroup): void {
  if (group.hasAllJoined) completeJoin(turn, group);
  else waitForJoins(turn, group, group.rebalanceTimeoutMs);
}

function waitForJoins(turn: Turn, group: ClassicGroup, delayMs: number): void {
  group.joinDeadlineMs = turn.nowMs + delayMs;
  turn.schedule(group, group.joinDeadlineMs);
}

/** The time for joining is over; an initial rebalance goes on while members keep coming, at most for the rebalance timeout. */
export function joinTimeOver(turn: Turn, group: ClassicGroup): void {
  if (!group.isInitial || !group.newMemberAdded || group.initialRemainingMs === 0) return completeJoin(turn, group);
  const { initialRebalanceDelayMs } = turn.shard.options;
  const delayMs = Math.min(initialRebalanceDelayMs, group.initialRemainingMs);
  group.newMemberAdded = false;
  group.initialRemainingMs = Math.max(group.initialRemainingMs - initialRebalanceDelayMs, 0);
  waitForJoins(turn, group, delayMs);
}

function completeJoin(turn: Turn, group: ClassicGroup): void {
  group.joinDeadlineMs = NEVER;
  dropAbsent(group);
  if (!electLeader(group) && group.members.size > 0)
    return waitForJoins(turn, group, Math.max(group.rebalanceTimeoutMs, NOBODY_JOINED_WAIT_MS));
  group.isInitial = false;
  group.generation += 1;
  if (group.members.size === 0) return becomeEmpty(turn, group);
  group.protocol = group.chooseProtocol();
  group.emptySinceMs = -1;
  group.state = "CompletingRebalance";
  group.syncDeadlineMs = turn.nowMs + group.rebalanceTimeoutMs;
  turn.schedule(group, group.syncDeadlineMs);
  for (const member of group.members.values()) tellGeneration(turn, group, member);
}

/** Who did not join again is out; static members stay until their session ends. */
function dropAbsent(group: ClassicGroup): void {
  for (const member of [...group.members.values()])
    if (member.joinToken === undefined && member.instanceId === undefined) group.remove(member);
}

/** A leader that did not join again cannot assign. @returns false when nobody joined. */
function electLeader(group: ClassicGroup): boolean {
  const leader = group.leader === undefined ? undefined : group.members.get(group.leader);
  if (leader?.joinToken !== undefined) return true;
  for (const member of group.members.values()) {
    if (member.joinToken === undefined) continue;
    group.leader = member.id;
    return true;
  }
  return false;
}

function becomeEmpty(turn: Turn, group: ClassicGroup): void {
  group.state = "Empty";
  group.protocol = undefined;
  group.leader = undefined;
  group.emptySinceMs = turn.wallMs;
  turn.append(group.id, [{ kind: "group", groupId: group.id, membership: group.durable }]);
}

function tellGeneration(turn: Turn, group: ClassicGroup, member: LiveMember): void {
  group.unsynced.add(member.id);
  const token = group.awaitJoin(member, undefined);
  if (token !== undefined) turn.answer(group.id, token, joinAnswer(group, member));
  member.isNew = false;
  renewSession(turn, group, member);
}

/** The generation as this member is to hear it: the leader alone hears who else is there. */
export function joinAnswer(group: ClassicGroup, member: LiveMember): JoinAnswer {
  return {
    kind: "join",
    error: ErrorCode.NONE,
    generation: group.generation,
    protocolType: group.protocolType,
    protocol: group.protocol,
    leader: must(group.leader, "the leader of a generation"),
    skipAssignment: false,
    memberId: member.id,
    members: member.id === group.leader ? group.joined() : [],
  };
}

export function renewSession(turn: Turn, group: ClassicGroup, member: LiveMember): void {
  member.deadlineMs = turn.nowMs + member.sessionTimeoutMs;
  turn.schedule(group, member.deadlineMs);
}

/** Takes a member out, and answers what it still waits for. */
export function removeMember(turn: Turn, group: ClassicGroup, member: LiveMember, error: number = ErrorCode.UNKNOWN_MEMBER_ID): void {
  const { joinToken, syncToken } = member;
  if (joinToken !== undefined) turn.answer(group.id, joinToken, joinError(error, member.id));
  if (syncToken !== undefined) turn.answer(group.id, syncToken, syncError(error));
  group.remove(member);
}
