import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { NO_LEADER, type PartitionState } from "../cluster/cluster-state.ts";
import type { BrokerEndpoints } from "./broker-endpoints.ts";

const NONE: readonly number[] = [];

/**
 * Who has a partition and who leads it, as Metadata and DescribeTopicPartitions answer. `brokers`: those that are there for the
 * client; other replicas are offline to it. So is every replica of a partition that nobody can lead.
 */
export function topologyOf(partition: PartitionState, brokers: BrokerEndpoints) {
  const isReached = brokers.has(partition.leader);
  return {
    errorCode: isReached ? ErrorCode.NONE : leaderCode(partition),
    partitionIndex: partition.index,
    leaderId: isReached ? partition.leader : NO_LEADER,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes: partition.inSync,
    offlineReplicas: isUnled(partition) ? partition.replicas : offline(partition, brokers),
  };
}

/** Nobody has led it yet; or nobody can until a person decides, since what its last member in sync held is lost. */
export function isUnled({ inSync, leader, leaderEpoch }: PartitionState): boolean {
  return inSync.length === 0 || (leader === NO_LEADER && leaderEpoch === 0);
}

/** A leader that has no listener for this client, or none at all. */
function leaderCode({ leader }: PartitionState): number {
  return leader === NO_LEADER ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.LISTENER_NOT_FOUND;
}

/** Of a hundred thousand partitions in one answer hardly any has one. */
function offline({ replicas }: PartitionState, brokers: BrokerEndpoints): readonly number[] {
  return replicas.every((replica) => brokers.has(replica)) ? NONE : replicas.filter((replica) => !brokers.has(replica));
}
