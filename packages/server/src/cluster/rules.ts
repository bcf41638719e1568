import { compareObjectIds, type ObjectId } from "../model/object-id.ts";
import type { ClusterState, PartitionState } from "./cluster-state.ts";
import { type Refusal, refuse } from "./commands.ts";

type BrokerLife = Readonly<{ broker: number; brokerEpoch: number }>;

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

export function noSuchTopic(): Refusal {
  return refuse("UNKNOWN_TOPIC_OR_PARTITION", "This server does not host this topic-partition.");
}

export function noSuchTopicId(): Refusal {
  return refuse("UNKNOWN_TOPIC_ID", "This server does not host this topic ID.");
}
