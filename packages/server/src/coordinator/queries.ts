import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { CONSUMER_PROTOCOL } from "./classic/subscription.ts";
import { isReconciled } from "./consumer/reconcile.ts";
import {
  type Assignment,
  type CommittedOffset,
  type ConsumerMember,
  type ConsumerMembership,
  type GroupState,
  type MemberIdentity,
  NO_ASSIGNMENT,
} from "./fold/group-state.ts";
import type { GroupShard } from "./group-shard.ts";

const NO_BYTES = new Uint8Array(0);

/** `memberId` and epoch are said from v9 of OffsetFetch on by members of the new protocol. `topics` undefined: all. */
export type OffsetQuery = Readonly<{
  groupId: string;
  memberId: string | undefined;
  memberEpoch: number;
  topics: readonly Readonly<{ topicId: string; partitions: readonly number[] }>[] | undefined;
}>;

/** `committed` undefined: nothing. */
export type FetchedOffsets = Readonly<{
  error: number;
  topics: readonly Readonly<{
    topicId: string;
    partitions: readonly Readonly<{ partition: number; committed: CommittedOffset | undefined }>[];
  }>[];
}>;

/** OffsetFetch of one group. As a read it has to wait until the newest entries of the group are durable. */
export function fetchOffsets(shard: GroupShard, query: OffsetQuery): FetchedOffsets {
  const group = shard.fold.groups.get(query.groupId);
  const error = group?.membership.kind === "consumer" ? checkReader(group.membership, query) : ErrorCode.NONE;
  if (error !== ErrorCode.NONE) return { error, topics: [] };
  const topics = query.topics?.map(({ topicId, partitions }) => {
    const offsets = group?.offsets.get(topicId);
    return { topicId, partitions: partitions.map((partition) => ({ partition, committed: offsets?.get(partition) })) };
  });
  return { error, topics: topics ?? allOffsets(group) };
}

function checkReader(group: ConsumerMembership, { memberId, memberEpoch }: OffsetQuery): number {
  if (memberId === undefined && memberEpoch < 0) return ErrorCode.NONE;
  const member = group.members.get(memberId ?? "");
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return member.epoch === memberEpoch ? ErrorCode.NONE : ErrorCode.STALE_MEMBER_EPOCH;
}

function allOffsets(group: GroupState | undefined): FetchedOffsets["topics"] {
  if (group === undefined) return [];
  return [...group.offsets].map(([topicId, offsets]) => ({
    topicId,
    partitions: [...offsets].map(([partition, committed]) => ({ partition, committed })),
  }));
}

/** A classic group for DescribeGroups. */
export type DescribedGroup = Readonly<{
  state: string;
  protocolType: string;
  protocol: string;
  members: readonly (MemberIdentity & Readonly<{ metadata: Uint8Array; assignment: Uint8Array }>)[];
}>;

/** undefined: there is none, or it is one of the new protocol; then Kafka calls it dead, from v6 on with GROUP_ID_NOT_FOUND. */
export function describeClassic(shard: GroupShard, groupId: string): DescribedGroup | undefined {
  const live = shard.live.get(groupId);
  if (live?.kind !== "classic") return describeEmpty(shard, groupId);
  const isStable = live.state === "Stable";
  const members = [...live.members.values()].map((member) => {
    const { id, instanceId, clientId, clientHost, assignment } = member;
    const metadata = isStable ? live.metadataOf(member) : NO_BYTES;
    return { id, instanceId, clientId, clientHost, metadata, assignment: isStable ? assignment : NO_BYTES };
  });
  return { state: live.state, protocolType: live.protocolType, protocol: isStable ? (live.protocol ?? "") : "", members };
}

/** A group that is not live has no members. */
function describeEmpty(shard: GroupShard, groupId: string): DescribedGroup | undefined {
  const durable = shard.fold.groups.get(groupId)?.membership;
  if (durable?.kind !== "classic") return undefined;
  return { state: "Empty", protocolType: durable.protocolType, protocol: "", members: [] };
}

export type ListedGroup = Readonly<{ groupId: string; protocolType: string; state: string; type: "classic" | "consumer" }>;

/** Filters in any case of letters; an empty one lets all through. One at a time, so that whoever lists many can rest between. */
export function* listGroups(shard: GroupShard, states: readonly string[], types: readonly string[]): Generator<ListedGroup> {
  const [wantedStates, wantedTypes] = [new Set(states.map(lower)), new Set(types.map(lower))];
  const passes = ({ state, type }: ListedGroup) =>
    (wantedStates.size === 0 || wantedStates.has(lower(state))) && (wantedTypes.size === 0 || wantedTypes.has(type));
  for (const group of shard.fold.groups.values()) {
    const listed = listedOf(shard, group);
    if (passes(listed)) yield listed;
  }
  for (const live of shard.live.values()) {
    if (live.kind !== "classic") continue;
    const { id, protocolType, state } = live;
    const listed = { groupId: id, protocolType, state, type: "classic" } as const;
    if (!shard.fold.groups.has(id) && passes(listed)) yield listed;
  }
}

function lower(text: string): string {
  return text.toLowerCase();
}

function listedOf(shard: GroupShard, { id, membership }: GroupState): ListedGroup {
  if (membership.kind === "consumer")
    return { groupId: id, protocolType: CONSUMER_PROTOCOL, state: consumerState(membership), type: "consumer" };
  const live = shard.live.get(id);
  const { protocolType, state } = live?.kind === "classic" ? live : { protocolType: membership.protocolType, state: "Empty" };
  return { groupId: id, protocolType, state, type: "classic" };
}

/** As Kafka derives it. */
function consumerState(group: ConsumerMembership): "Empty" | "Assigning" | "Reconciling" | "Stable" {
  if (group.members.size === 0) return "Empty";
  if (group.epoch > group.targetEpoch) return "Assigning";
  for (const member of group.members.values()) if (!isReconciled(group, member)) return "Reconciling";
  return "Stable";
}

/** A group of the new protocol for ConsumerGroupDescribe. */
export type DescribedConsumerGroup = Readonly<{
  state: string;
  epoch: number;
  targetEpoch: number;
  assignor: string;
  members: readonly Readonly<{ member: ConsumerMember; target: Assignment }>[];
}>;

/** undefined: there is none, or it is a classic one: GROUP_ID_NOT_FOUND. A member with `classic` is of Kafka's type 0, the others of 1. */
export function describeConsumer(shard: GroupShard, groupId: string): DescribedConsumerGroup | undefined {
  const group = shard.fold.groups.get(groupId)?.membership;
  if (group?.kind !== "consumer") return undefined;
  const members = [...group.members.values()].map((member) => ({ member, target: group.targets.get(member.id) ?? NO_ASSIGNMENT }));
  return { state: consumerState(group), epoch: group.epoch, targetEpoch: group.targetEpoch, assignor: group.assignor, members };
}
