import { Buffer } from "node:buffer";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { PartitionsAnswer } from "../answers.ts";
import type { ClassicGroup } from "../classic/classic-group.ts";
import { renewSession } from "../classic/classic-rebalance.ts";
import type { CommittedTopic } from "../fold/entries.ts";
import { type CommittedOffset, type ConsumerMembership, EPOCH_AWAY, type GroupState } from "../fold/group-state.ts";
import type { Turn } from "../group-shard.ts";
import type { CommitInput } from "../inputs.ts";
import { GROUP_ID_BYTES_MAX, OFFSET_METADATA_BYTES_MAX, PARTITIONS_MAX, TOPICS_MAX } from "../limits.ts";
import { checkMember } from "../member-check.ts";

/** Beside the metadata, in an entry. */
const OFFSET_BYTES = 40;

/** OffsetCommit: only from who is in the group's present generation, or, when the group is empty, from who is in none. */
export function commit(turn: Turn, input: CommitInput): void {
  const error = checkCommit(turn, input);
  if (error !== ErrorCode.NONE) return turn.answer(input.groupId, input.token, { kind: "commit", error, codes: [] });
  const { topics, codes } = judge(turn, input);
  if (topics.length > 0) turn.append(input.groupId, [{ kind: "offsets", groupId: input.groupId, topics }], false);
  const answer: PartitionsAnswer = { kind: "commit", error: ErrorCode.NONE, codes };
  turn.answer(input.groupId, input.token, answer, topics.length > 0);
}

function checkCommit(turn: Turn, input: CommitInput): number {
  const membership = turn.shard.fold.groups.get(input.groupId)?.membership;
  const error = membership?.kind === "consumer" ? checkEpoch(membership, input) : checkClassic(turn, input);
  return error === ErrorCode.NONE && isTooLarge(turn, input) ? ErrorCode.INVALID_COMMIT_OFFSET_SIZE : error;
}

function checkClassic(turn: Turn, input: CommitInput): number {
  const group = turn.classic(input.groupId);
  if (group === undefined) return checkUnknown(turn, input);
  const error = checkGeneration(group, input);
  const member = group.members.get(input.memberId);
  if (error === ErrorCode.NONE && member !== undefined) renewSession(turn, group, member);
  return error;
}

/** A commit without a generation makes the group. */
function checkUnknown(turn: Turn, input: CommitInput): number {
  if (input.generation >= 0) return input.knowsEpochs ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
  if (Buffer.byteLength(input.groupId) > GROUP_ID_BYTES_MAX) return ErrorCode.INVALID_GROUP_ID;
  return turn.shard.isFull ? ErrorCode.GROUP_MAX_SIZE_REACHED : ErrorCode.NONE;
}

function checkGeneration(group: ClassicGroup, input: CommitInput): number {
  if (input.generation < 0 && group.state === "Empty") return ErrorCode.NONE;
  if (input.generation < 0 && input.memberId === "" && input.instanceId === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  const error = checkMember(group, input.memberId, input.instanceId);
  if (error !== ErrorCode.NONE) return error;
  if (input.generation !== group.generation) return ErrorCode.ILLEGAL_GENERATION;
  // It has heard of this generation and not of its assignment: what it commits belongs to the one before.
  return group.state === "CompletingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

function checkEpoch(group: ConsumerMembership, input: CommitInput): number {
  if (input.generation < 0 && group.members.size === 0) return ErrorCode.NONE;
  const member = group.members.get(input.memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  const isStale = input.generation !== member.epoch || member.epoch === EPOCH_AWAY;
  if (member.classic !== undefined) return isStale ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.NONE;
  if (!input.knowsEpochs) return ErrorCode.UNSUPPORTED_VERSION;
  return isStale ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.NONE;
}

function isTooLarge(turn: Turn, input: CommitInput): boolean {
  let bytes = 0;
  for (const { partitions } of input.topics) {
    if (partitions.length > PARTITIONS_MAX) return true;
    for (const { metadata } of partitions) bytes += OFFSET_BYTES + metadata.length * 3;
  }
  return input.topics.length > TOPICS_MAX || bytes > turn.shard.options.groupBytesMax;
}

function judge(turn: Turn, input: CommitInput): { topics: CommittedTopic[]; codes: number[][] } {
  const group = turn.shard.fold.groups.get(input.groupId);
  const topics: CommittedTopic[] = [];
  const codes: number[][] = [];
  for (const { topicId, partitions } of input.topics) {
    const offsets = new Map<number, CommittedOffset>();
    const ofTopic = partitions.map((committed) => {
      const code = checkPartition(turn, group, topicId, committed);
      const { partition, offset, leaderEpoch, metadata } = committed;
      if (code === ErrorCode.NONE) offsets.set(partition, { offset, leaderEpoch, metadata, committedAtMs: turn.wallMs });
      return code;
    });
    if (offsets.size > 0) topics.push({ topicId, offsets });
    codes.push(ofTopic);
  }
  return { topics, codes };
}

type Committed = CommitInput["topics"][number]["partitions"][number];

function checkPartition(turn: Turn, group: GroupState | undefined, topicId: string, committed: Committed): number {
  const { partition, leaderEpoch, metadata } = committed;
  if (Buffer.byteLength(metadata) > OFFSET_METADATA_BYTES_MAX) return ErrorCode.OFFSET_METADATA_TOO_LARGE;
  const count = turn.shard.topology.byId(topicId)?.partitions ?? 0;
  if (partition < 0 || partition >= count) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (leaderEpoch < -1) return ErrorCode.INVALID_REQUEST;
  const before = group?.offsets.get(topicId)?.get(partition);
  const hasNoRoom = before === undefined ? turn.shard.isFull : turn.shard.isPacked && metadata.length > before.metadata.length;
  return hasNoRoom ? ErrorCode.INVALID_COMMIT_OFFSET_SIZE : ErrorCode.NONE;
}
