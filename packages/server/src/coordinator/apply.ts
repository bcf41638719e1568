import { Buffer } from "node:buffer";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { unreachable } from "../base/assert.ts";
import { heartbeatError, joinError, syncError } from "./answers.ts";
import { join } from "./classic/classic-join.ts";
import { expireClassic, heartbeat, leave, sync } from "./classic/classic-members.ts";
import { expireConsumer, sweepConsumer } from "./consumer/consumer-group.ts";
import { consumerHeartbeat } from "./consumer/consumer-heartbeat.ts";
import type { Effect } from "./effects.ts";
import { type GroupShard, Turn } from "./group-shard.ts";
import type { Input } from "./inputs.ts";
import { GROUP_ID_BYTES_MAX } from "./limits.ts";
import { commit } from "./offsets/commit.ts";
import { deleteGroup, deleteOffsets, sweepOffsets } from "./offsets/deletion.ts";
import type { Prepared } from "./prepare.ts";

/**
 * What one input does: synchronous, no clock, no chance. Volatile state of the shard changes here; durable state changes when the driver appends
 * the entries of the effects, which has to happen before the next input.
 *
 * @param prepared What `prepare` gave for the same input, when it is current.
 */
export function apply(shard: GroupShard, input: Input, effects: Effect[], prepared?: Prepared): void {
  const turn = new Turn(shard, input, effects);
  dispatch(turn, input, prepared);
  if (input.kind !== "timer") turn.settle(input.groupId);
  turn.end();
}

function dispatch(turn: Turn, input: Input, prepared: Prepared | undefined): void {
  switch (input.kind) {
    case "join":
      if (!isGroupId(input.groupId)) return turn.answer(input.groupId, input.token, joinError(ErrorCode.INVALID_GROUP_ID, input.memberId));
      return join(turn, input, prepared?.join);
    case "sync":
      if (!isGroupId(input.groupId)) return turn.answer(input.groupId, input.token, syncError(ErrorCode.INVALID_GROUP_ID));
      return sync(turn, input, prepared?.generation);
    case "heartbeat":
      return heartbeat(turn, input);
    case "leave":
      return leave(turn, input);
    case "commit":
      return commit(turn, input);
    case "delete-offsets":
      return deleteOffsets(turn, input);
    case "delete-group":
      return deleteGroup(turn, input.groupId, input.token);
    case "consumer-heartbeat":
      if (!isGroupId(input.groupId))
        return turn.answer(
          input.groupId,
          input.token,
          heartbeatError(ErrorCode.INVALID_REQUEST, "GroupId can't be empty, nor longer than 255 bytes."),
        );
      return consumerHeartbeat(turn, input, prepared?.proposal);
    case "sweep":
      return sweep(turn, input.groupId);
    case "timer":
      return timer(turn);
    default:
      unreachable(input);
  }
}

function isGroupId(groupId: string): boolean {
  return groupId !== "" && Buffer.byteLength(groupId) <= GROUP_ID_BYTES_MAX;
}

function sweep(turn: Turn, groupId: string): void {
  const group = turn.shard.fold.groups.get(groupId);
  if (group === undefined) return;
  const offsets = sweepOffsets(turn, group);
  const isGone = offsets.some(({ kind }) => kind === "group-gone");
  const entries = isGone ? offsets : [...offsets, ...sweepConsumer(turn, group)];
  if (entries.length > 0) turn.append(groupId, entries, false);
}

/** One group: its entries are one batch. When more are due, the next wake is at once. */
function timer(turn: Turn): void {
  const { shard } = turn;
  shard.announcedMs = Number.POSITIVE_INFINITY;
  for (let due = shard.wakes.popDue(turn.nowMs); due !== undefined; due = shard.wakes.popDue(turn.nowMs)) {
    const group = shard.live.get(due.groupId);
    if (group === undefined || group.wakeMs !== due.atMs) continue;
    group.wakeMs = Number.POSITIVE_INFINITY;
    return group.kind === "classic" ? expireClassic(turn, group) : expireConsumer(turn, group);
  }
}
