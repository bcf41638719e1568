import { CORDONED_ALL, CORDONED_OPTION } from "../config/dynamic-options.ts";
import { MIN_IN_SYNC_DEFAULT, MIN_IN_SYNC_OPTION } from "../config/topic-options.ts";
import { compareObjectIds, type ObjectId } from "../model/object-id.ts";
import { ALL_BROKERS, type ClusterState, NO_LEADER, type PartitionState } from "./cluster-state.ts";
import { type BrokerLife, type Refusal, refuse } from "./commands.ts";

/** Whether the broker's process that speaks is the one that registered last. */
export function brokerIsCurrent(state: ClusterState, life: BrokerLife): boolean {
  return state.brokers.get(life.broker)?.epoch === life.brokerEpoch;
}

export function staleBroker(life: BrokerLife): Refusal {
  return refuse("stale-broker", `the broker has registered anew, or never. broker=${life.broker} epoch=${life.brokerEpoch}`);
}

/** Whether this process of the broker leads the partition in this leader epoch. */
export function leads(state: ClusterState, partition: PartitionState, life: BrokerLife, leaderEpoch: number): boolean {
  return partition.leader === life.broker && partition.leaderEpoch === leaderEpoch && brokerIsCurrent(state, life);
}

/**
 * Whether an object of this id may still enter the index: written by this process of the broker, and not below the bound.
 * Once it may not, it never may again.
 */
export function mayCommit(state: ClusterState, life: BrokerLife, id: ObjectId): boolean {
  if (id.broker !== life.broker || id.brokerEpoch !== life.brokerEpoch) return false;
  const bound = state.commitBounds.get(id.broker);
  return bound === undefined || compareObjectIds(id, { ...id, ...bound }) >= 0;
}

/** Registered, and heard of. */
export function isReady(state: ClusterState, broker: number): boolean {
  return state.brokers.get(broker)?.fenced === false;
}

/** Somebody else has everything of it that is committed. */
export function isElsewhere({ inSync }: PartitionState, broker: number): boolean {
  return inSync.some((member) => member !== broker);
}

/** It gets no new replicas. */
export function isCordoned(state: ClusterState, broker: number): boolean {
  const own = state.brokerConfigsOf(broker).configs.get(CORDONED_OPTION);
  return (own ?? state.brokerConfigsOf(ALL_BROKERS).configs.get(CORDONED_OPTION)) === CORDONED_ALL;
}

/** The first replica, in the order of preference, that has what was committed and is ready. */
export function nextLeader(state: ClusterState, { replicas, inSync }: PartitionState): number {
  return replicas.find((broker) => inSync.includes(broker) && isReady(state, broker)) ?? NO_LEADER;
}

/**
 * The effective minimum, below which the in-sync set never shrinks: what the topic asks for, or all brokers' default, but not more than there are
 * replicas; until a reassignment is complete that is as many as before it.
 */
export function minInSync(state: ClusterState, { topicId, replicas, reassignment }: PartitionState): number {
  const configured = state.topicsById.get(topicId)?.configs.get(MIN_IN_SYNC_OPTION) ?? defaultMinInSync(state);
  return Math.min(Number(configured), (reassignment?.before ?? replicas).length);
}

function defaultMinInSync(state: ClusterState): string {
  return state.brokerConfigsOf(ALL_BROKERS).configs.get(MIN_IN_SYNC_OPTION) ?? MIN_IN_SYNC_DEFAULT;
}

/** Said to nobody: a broker asks only for partitions that it leads, of which its state has the index. */
export function notKept({ topic, index }: PartitionState): Refusal {
  return refuse("NOT_LEADER", `this broker has no replica of ${topic}:${index}, and does not know its object index`);
}

export function noSuchTopic(): Refusal {
  return refuse("UNKNOWN_TOPIC_OR_PARTITION", "This server does not host this topic-partition.");
}

export function noSuchTopicId(): Refusal {
  return refuse("UNKNOWN_TOPIC_ID", "This server does not host this topic ID.");
}
