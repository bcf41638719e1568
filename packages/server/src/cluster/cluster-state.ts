import { must } from "../base/assert.ts";
import type { BrokerListener } from "../model/broker-listener.ts";
import { type ObjectId, objectKey } from "../model/object-id.ts";
import type { ManifestPointer } from "../model/object-range.ts";
import { NO_RANGES, type ObjectState, RangeList } from "./range-list.ts";

/** No broker leads the partition. */
export const NO_LEADER = -1;

/** In the place of logStart and uploadedEnd: this state does not keep the partition's object index. */
const NOT_KEPT = -1;

/** Offsets [from, to). */
export type OffsetSpan = Readonly<{ from: number; to: number }>;

/** A broker as it registered last. */
export type BrokerState = {
  readonly id: number;
  /** Anew at every registration. */
  epoch: number;
  /** Chosen by the process at its start: a registration asked twice is one. */
  incarnation: string;
  host: string;
  rack: string;
  /** Of its write-ahead log; empty: it did not say. */
  walId: string;
  /** Metadata index of this registration, which the log names from before the broker leads; 0: nobody says so. */
  registeredAt: number;
  /** The log named this metadata index when an earlier process led with it. */
  walIndex: number;
  /** It leads nothing and gets nothing new: not ready yet, or not heard of for a session. */
  fenced: boolean;
  listeners: readonly BrokerListener[];
};

/** A broker by the log that it had; the newest metadata index which that names lies in [from, before). */
export type LogHolder = Readonly<{ broker: number; walId: string; from: number; before: number }>;

/** A change of replicas that runs: `target` are to be the replicas, `before` are those that it began with. */
export type Reassignment = Readonly<{ target: readonly number[]; before: readonly number[] }>;

export type TopicState = {
  /** 22 characters of base64url, as Kafka shows topic ids. */
  readonly id: string;
  readonly name: string;
  /** Partition ids; the position is Kafka's partition index. */
  readonly partitions: number[];
  /** Only what was set, validated text. */
  readonly configs: Map<string, string>;
  /** Counts the changes of `configs`. */
  configVersion: number;
  savedIn: number;
};

/**
 * Placement, and behind the leader epoch the object index. A state of one broker has no index of partitions that the broker does not serve:
 * `isKept` tells, and nobody looks at it then.
 */
export type PartitionState = {
  /** Unique in the cluster, never reused: deleting and creating a topic gives new ones. */
  readonly id: number;
  readonly topicId: string;
  readonly topic: string;
  /** Kafka's partition number within the topic. */
  readonly index: number;
  /** In the order of preference. While a reassignment runs: its target, and behind it those of before that are not in it. */
  replicas: readonly number[];
  reassignment: Reassignment | undefined;
  /** Empty: offline, since what its last member held is lost. */
  inSync: readonly number[];
  /** While `inSync` is empty: who was in sync last. With that log it is again: nothing was written since. */
  lastInSync: LogHolder | undefined;
  leader: number;
  /** +1 at every change of leader, and when the leader's process starts again. */
  leaderEpoch: number;
  /** +1 at every change of the replicas, of who of them is in sync or leads, and when one reports damage: what was wished before is void. */
  partitionEpoch: number;
  /** −1, as uploadedEnd, when the index is not kept. */
  logStart: number;
  uploadedEnd: number;
  ranges: RangeList;
  manifest: ManifestPointer | undefined;
  /** Lost spans above logStart that a person accepted, ascending. */
  acceptedLosses: readonly OffsetSpan[];
  savedIn: number;
};

/** The lowest object id of a broker that may still commit. */
export type CommitBound = Readonly<{ brokerEpoch: number; sequence: number }>;

/** Options set on one broker, or on all (`ALL_BROKERS`). */
export type BrokerConfigs = OwnConfigs;

/** Options that were set, and which change was the last. */
export type OwnConfigs = { readonly configs: Map<string, string>; configVersion: number };

/** The key of options that hold for every broker. */
export const ALL_BROKERS = -1;

const NO_CONFIGS = { configs: new Map<string, string>(), configVersion: 0 } as const;

/** Told before an entity changes or goes, so that a snapshot in progress keeps what it was at the cut. */
export interface StateObserver {
  beforeTopic(topic: TopicState): void;
  beforePartition(partition: PartitionState): void;
  beforeObject(object: ObjectState): void;
}

/**
 * Everything a cluster agrees on. Changed only by `apply` (synchronous, deterministic); everybody else reads.
 *
 * Maps iterate in order of creation, which is ascending in partition id and object number, on every replica and after
 * every load: nothing depends on the order in which a snapshot was written.
 */
export class ClusterState {
  readonly clusterId: string;
  /** The object index is kept of this broker's replicas only (docs/rfcs/0010-index-of-served-partitions.md); undefined: of all partitions. */
  readonly keptBy: number | undefined;
  /** Of the newest batch applied; 0 = none. */
  index = 0;
  controllerEpoch = 0;
  /** Who claimed last; empty before the first claim. */
  controllerHolder = "";
  brokerEpochLast = 0;
  partitionIdNext = 1;
  objectNumberNext = 1;
  producerIdNext = 0;

  readonly brokers = new Map<number, BrokerState>();
  readonly brokerConfigs = new Map<number, BrokerConfigs>();
  /** Subscriptions to metrics of clients, by name; each with at least one option. */
  readonly clientMetrics = new Map<string, OwnConfigs>();
  readonly commitBounds = new Map<number, CommitBound>();
  readonly topicsByName = new Map<string, TopicState>();
  /** Those of clients and the internal ones. */
  readonly topicsById = new Map<string, TopicState>();
  /** Topics of our own, by name: clients see nothing of them. */
  readonly internalTopics = new Map<string, TopicState>();
  /** Names with `_` in the place of `.` → the topic: two such names collide in metrics. */
  readonly topicsByMetricName = new Map<string, TopicState>();
  readonly partitions = new Map<number, PartitionState>();
  /** Partitions of which `keptBy` has become a replica, and whose index this state has not been told yet. */
  readonly wanted = new Set<number>();
  /** By key (without the kind's ending). Only objects that a kept range of `partitions` lies in. */
  readonly objects = new Map<string, ObjectState>();

  /** Number of the snapshot that was begun last. */
  snapshotNumber = 0;
  observer: StateObserver | undefined;

  constructor(clusterId: string, keptBy?: number) {
    this.clusterId = clusterId;
    this.keptBy = keptBy;
  }

  topic(name: string): TopicState | undefined {
    return this.topicsByName.get(name);
  }

  /** A topic of clients. */
  topicById(topicId: string): TopicState | undefined {
    const topic = this.topicsById.get(topicId);
    return topic === undefined || isInternalTopic(topic.name) ? undefined : topic;
  }

  /** Of an internal topic, too. */
  partition(topic: string, index: number): PartitionState | undefined {
    const id = (this.topicsByName.get(topic) ?? this.internalTopics.get(topic))?.partitions[index];
    return id === undefined ? undefined : this.partitions.get(id);
  }

  /** A topic's partitions in the order of their indexes. */
  partitionsOf(topic: TopicState): PartitionState[] {
    return topic.partitions.map((id) => must(this.partitions.get(id), "partition of a topic"));
  }

  /** Options that were set on a broker, or on `ALL_BROKERS`. */
  brokerConfigsOf(broker: number): Readonly<{ configs: ReadonlyMap<string, string>; configVersion: number }> {
    return this.brokerConfigs.get(broker) ?? NO_CONFIGS;
  }

  /** Options of a subscription to metrics of clients; version 0: there is none. */
  clientMetricsOf(name: string): Readonly<{ configs: ReadonlyMap<string, string>; configVersion: number }> {
    return this.clientMetrics.get(name) ?? NO_CONFIGS;
  }

  objectOf(id: ObjectId): ObjectState | undefined {
    return this.objects.get(this.objectKeyOf(id));
  }

  objectKeyOf(id: ObjectId): string {
    return objectKey(this.clusterId, id, "records");
  }
}

/** Its partitions hold entries of our own. The name is none that a client can give to a topic. */
export function isInternalTopic(name: string): boolean {
  return name.startsWith("@");
}

/** The name that a topic gets in metrics. */
export function metricNameOf(topic: string): string {
  return topic.replaceAll(".", "_");
}

/** Whether this state has the partition's object index: always, but for the state of a broker that does not serve it. */
export function isKept({ uploadedEnd }: PartitionState): boolean {
  return uploadedEnd !== NOT_KEPT;
}

/** The index of a partition that this state does not keep. */
export const NO_INDEX: Readonly<Pick<PartitionState, "logStart" | "uploadedEnd" | "ranges" | "manifest" | "acceptedLosses">> = {
  logStart: NOT_KEPT,
  uploadedEnd: NOT_KEPT,
  ranges: NO_RANGES,
  manifest: undefined,
  acceptedLosses: [],
};

/** A partition without records; without an index when `keptBy` has no replica. */
export function newPartition(
  of: Readonly<{
    id: number;
    topicId: string;
    topic: string;
    index: number;
    replicas: readonly number[];
    savedIn: number;
    inSync: readonly number[];
  }>,
  keptBy?: number,
): PartitionState {
  const keeps = keptBy === undefined || of.replicas.includes(keptBy);
  return {
    ...of,
    reassignment: undefined,
    lastInSync: undefined,
    leader: NO_LEADER,
    leaderEpoch: 0,
    partitionEpoch: 0,
    ...NO_INDEX,
    ...(keeps ? { logStart: 0, uploadedEnd: 0, ranges: new RangeList(of.id) } : {}),
  };
}
