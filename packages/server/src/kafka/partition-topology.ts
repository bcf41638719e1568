import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { NO_LEADER, type PartitionState } from "../cluster/cluster-state.ts";

/** Who has a partition and who leads it, as Metadata and DescribeTopicPartitions answer. */
export function topologyOf(partition: PartitionState) {
  const isLed = partition.leader !== NO_LEADER;
  return {
    errorCode: isLed ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
    partitionIndex: partition.index,
    leaderId: partition.leader,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes: partition.inSync,
    offlineReplicas: isLed ? [] : partition.replicas,
  };
}
