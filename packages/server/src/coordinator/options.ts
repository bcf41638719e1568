import { GROUP_PARTITIONS } from "./limits.ts";

/** What the operator decides about groups; names and defaults as Kafka's where Kafka has them. */
export type GroupOptions = Readonly<{
  /** `group.initial.rebalance.delay.ms`: how long the first members of an empty group wait for others. */
  initialRebalanceDelayMs: number;
  /** `group.min.session.timeout.ms`, `group.max.session.timeout.ms`. */
  sessionTimeoutMsMin: number;
  sessionTimeoutMsMax: number;
  /** `group.max.size` and `group.consumer.max.size`; at most `MEMBERS_MAX`. */
  membersMax: number;
  /** Of the members of one group, which have to fit one entry; at most 4 MiB. */
  groupBytesMax: number;
  /** Of the fold; from ⅞ of it on, new groups and new partitions are refused. */
  foldBytesMax: number;
  /** `offsets.retention.minutes`: for so long the offsets of an empty group are kept. */
  offsetsRetentionMs: number;
  /** `group.consumer.session.timeout.ms`, `group.consumer.heartbeat.interval.ms`. */
  consumerSessionTimeoutMs: number;
  consumerHeartbeatIntervalMs: number;
}>;

/** Kafka's defaults, and the limits of RFC 0004. */
export const DEFAULT_GROUP_OPTIONS: GroupOptions = {
  initialRebalanceDelayMs: 3_000,
  sessionTimeoutMsMin: 6_000,
  sessionTimeoutMsMax: 1_800_000,
  membersMax: 1_000,
  groupBytesMax: 4 * 1024 * 1024,
  foldBytesMax: 64 * 1024 * 1024,
  offsetsRetentionMs: 7 * 24 * 60 * 60 * 1000,
  consumerSessionTimeoutMs: 45_000,
  consumerHeartbeatIntervalMs: 5_000,
};

/** So much of the write-ahead log the bases of all groups together may take. */
const FOLDS_RATIO = 1 / 16;

/** @param batchBytesMax The largest batch that the log takes: all members of a group have to fit one. */
export function groupOptions(walCapacityBytes: number, batchBytesMax: number): GroupOptions {
  const { groupBytesMax, foldBytesMax } = DEFAULT_GROUP_OPTIONS;
  return {
    ...DEFAULT_GROUP_OPTIONS,
    groupBytesMax: Math.min(groupBytesMax, Math.floor(batchBytesMax / 2)),
    foldBytesMax: Math.min(foldBytesMax, Math.floor((walCapacityBytes * FOLDS_RATIO) / GROUP_PARTITIONS)),
  };
}
