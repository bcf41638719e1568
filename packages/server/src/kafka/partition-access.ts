import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { Partition } from "../partition/partition.ts";
import type { KafkaParts } from "./kafka-parts.ts";

/**
 * The partition that is led here, or Kafka's error code: unknown, led elsewhere, or in another leader epoch than the
 * client believes. An epoch of −1 is not compared.
 */
export function findPartition(parts: KafkaParts, topic: string, index: number, leaderEpoch: number): Partition | number {
  const partition = parts.partitions.byName(topic, index);
  if (partition === undefined) return counted(parts, missingPartition(parts, topic, index));
  const code = compareLeaderEpoch(leaderEpoch, partition.leaderEpoch);
  return code === ErrorCode.NONE ? partition : counted(parts, code);
}

function missingPartition(parts: KafkaParts, topic: string, index: number): number {
  const exists = parts.state.topicsByName.get(topic)?.partitions[index] !== undefined;
  return exists ? ErrorCode.NOT_LEADER_OR_FOLLOWER : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

/** What a client's idea of the leader epoch is worth. */
export function compareLeaderEpoch(clientEpoch: number, leaderEpoch: number): number {
  if (clientEpoch < 0 || clientEpoch === leaderEpoch) return ErrorCode.NONE;
  return clientEpoch < leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH;
}

function counted(parts: KafkaParts, code: number): number {
  parts.counters.error(code);
  return code;
}
