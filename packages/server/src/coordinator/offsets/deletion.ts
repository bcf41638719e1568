import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { CONSUMER_PROTOCOL, classicTopics } from "../classic/subscription.ts";
import { subscribedNames } from "../consumer/topology-hash.ts";
import type { Entry } from "../fold/entries.ts";
import type { Assignment, CommittedOffset, GroupState } from "../fold/group-state.ts";
import type { Turn } from "../group-shard.ts";
import type { DeleteOffsetsInput } from "../inputs.ts";
import { TOPICS_MAX } from "../limits.ts";

/** DeleteGroups: only of a group without members; its offsets go with it. */
export function deleteGroup(turn: Turn, groupId: string, token: number): void {
  const error = checkDeletion(turn, groupId);
  if (error === ErrorCode.NONE) turn.append(groupId, [{ kind: "group-gone", groupId }], false);
  turn.answer(groupId, token, { kind: "delete-group", error }, error === ErrorCode.NONE);
}

function checkDeletion(turn: Turn, groupId: string): number {
  const durable = turn.shard.fold.groups.get(groupId);
  const live = turn.shard.live.get(groupId);
  if (durable === undefined && live === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
  const isBusy = live?.kind === "classic" && live.state !== "Empty";
  if (isBusy || (durable?.membership.members.size ?? 0) > 0) return ErrorCode.NON_EMPTY_GROUP;
  return durable === undefined ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.NONE;
}

/** OffsetDelete: not of topics that a member reads. What is not there is gone already. */
export function deleteOffsets(turn: Turn, input: DeleteOffsetsInput): void {
  const group = turn.shard.fold.groups.get(input.groupId);
  const error = input.topics.length > TOPICS_MAX ? ErrorCode.INVALID_REQUEST : checkOffsetDeletion(turn, group);
  if (group === undefined || error !== ErrorCode.NONE)
    return turn.answer(input.groupId, input.token, { kind: "delete-offsets", error, codes: [] });
  const gone = new Map<string, Set<number>>();
  const reads = reader(turn, group);
  const codes = input.topics.map(({ topicId, partitions }) => {
    const code = reads(topicId) ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE;
    const known = partitions.filter((partition) => group.offsets.get(topicId)?.has(partition));
    if (code === ErrorCode.NONE && known.length > 0) {
      const ofTopic = gone.get(topicId) ?? new Set();
      for (const partition of known) ofTopic.add(partition);
      gone.set(topicId, ofTopic);
    }
    return partitions.map(() => code);
  });
  if (gone.size > 0) turn.append(group.id, [{ kind: "offsets-gone", groupId: group.id, topics: partitionsOf(gone) }], false);
  turn.answer(group.id, input.token, { kind: "delete-offsets", error: ErrorCode.NONE, codes }, gone.size > 0);
}

function partitionsOf(topics: ReadonlyMap<string, ReadonlySet<number>>): Assignment {
  return new Map([...topics].map(([topicId, all]) => [topicId, ascending([...all])]));
}

function ascending(partitions: readonly number[]): number[] {
  return [...partitions].sort((a, b) => a - b);
}

/** What members of another protocol read, nobody here knows. */
function checkOffsetDeletion(turn: Turn, group: GroupState | undefined): number {
  if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
  if (group.membership.kind === "consumer") return ErrorCode.NONE;
  const classic = turn.classic(group.id);
  const isBusy = classic !== undefined && classic.state !== "Empty";
  return isBusy && classic.protocolType !== CONSUMER_PROTOCOL ? ErrorCode.NON_EMPTY_GROUP : ErrorCode.NONE;
}

/** Whether a member reads the topic of this id; asks each member once, however many topics are asked for. */
function reader(turn: Turn, group: GroupState): (topicId: string) => boolean {
  const topics = readTopics(turn, group);
  return (topicId) => {
    const name = turn.shard.topology.byId(topicId)?.name;
    return name !== undefined && (topics === undefined || topics.has(name));
  };
}

function readTopics(turn: Turn, { id, membership }: GroupState): ReadonlySet<string> | undefined {
  if (membership.kind === "classic") {
    const classic = turn.classic(id);
    return classic === undefined ? new Set() : classicTopics(classic);
  }
  return subscribedNames(membership.members.values(), turn.shard.topology);
}

/** What is to be said of a group from time to time: its offsets that expired or whose topic is gone, and the group when nothing is left. */
export function sweepOffsets(turn: Turn, group: GroupState): Entry[] {
  const topics = expired(turn, group);
  const live = turn.shard.live.get(group.id);
  const isUsed = group.membership.members.size > 0 || (live?.kind === "classic" && !live.isIdle);
  if (!isUsed && countOf(topics) === offsetCount(group)) return [{ kind: "group-gone", groupId: group.id }];
  return topics.size === 0 ? [] : [{ kind: "offsets-gone", groupId: group.id, topics }];
}

function expired(turn: Turn, group: GroupState): Assignment {
  const topics = new Map<string, number[]>();
  const keeps = keeper(turn, group);
  for (const [topicId, offsets] of group.offsets) {
    // One entry holds no more; the next sweep goes on.
    if (topics.size === TOPICS_MAX) break;
    const isDeleted = turn.shard.topology.byId(topicId) === undefined;
    const mayExpire = isDeleted || !keeps(topicId);
    if (!mayExpire) continue;
    const partitions = [...offsets].filter(([, offset]) => isDeleted || isExpired(turn, group, offset)).map(([partition]) => partition);
    if (partitions.length > 0) topics.set(topicId, ascending(partitions));
  }
  return topics;
}

/** Members of a protocol that nobody here can read keep all, and so do members whose generation is not complete. */
function keeper(turn: Turn, group: GroupState): (topicId: string) => boolean {
  const live = turn.shard.live.get(group.id);
  if (live?.kind === "classic" && live.state !== "Empty" && (live.state !== "Stable" || live.protocolType !== CONSUMER_PROTOCOL))
    return () => true;
  return reader(turn, group);
}

/** Counted from when the group became empty, or from the commit when that was later. */
function isExpired(turn: Turn, group: GroupState, offset: CommittedOffset): boolean {
  const sinceMs = Math.max(offset.committedAtMs, group.membership.emptySinceMs);
  return turn.wallMs - sinceMs >= turn.shard.options.offsetsRetentionMs;
}

function countOf(topics: Assignment): number {
  let count = 0;
  for (const partitions of topics.values()) count += partitions.length;
  return count;
}

function offsetCount(group: GroupState): number {
  let count = 0;
  for (const offsets of group.offsets.values()) count += offsets.size;
  return count;
}
