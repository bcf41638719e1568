import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import type { ElectLeader, ReassignPartition } from "../cluster/commands.ts";
import { isCordoned, noSuchTopic } from "../cluster/rules.ts";
import { checkReplicaList } from "./manual-placement.ts";
import { refusalError } from "./plan-topics.ts";

/**
 * For a topic for which nobody says how many. A host whose brokers are not ready counts: what has fewer replicas than it could would have them for
 * ever, so the topic waits for them.
 */
export function factorOnHosts(state: ClusterState, wanted: number): number {
  const open = [...state.brokers.values()].filter(({ id }) => !isCordoned(state, id));
  const hosts = new Set(open.map(({ host }) => host)).size;
  return Math.max(1, Math.min(wanted, hosts));
}

/**
 * `replicas` undefined: the reassignment that runs is cancelled. `mayChangeFactor`: to another number of replicas than there are.
 * @throws {QueueError} UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT with Kafka's texts, INVALID_REPLICATION_FACTOR.
 */
export function planReassignment(
  state: ClusterState,
  partitionId: number,
  replicas: readonly number[] | undefined,
  mayChangeFactor: boolean,
): ReassignPartition {
  const partition = state.partitions.get(partitionId);
  if (partition === undefined) throw refusalError(noSuchTopic());
  if (replicas === undefined) return { kind: "reassign-partition", partitionId, replicas };
  checkReplicaList(state, replicas);
  const factor = (partition.reassignment?.target ?? partition.replicas).length;
  if (!mayChangeFactor && replicas.length !== factor)
    throw new QueueError("INVALID_REPLICATION_FACTOR", `The replication factor is changed from ${factor} to ${replicas.length}`);
  return { kind: "reassign-partition", partitionId, replicas };
}

/** @throws {QueueError} UNKNOWN_TOPIC_OR_PARTITION, ELECTION_NOT_NEEDED */
export function planPreferredElection(state: ClusterState, partitionId: number): ElectLeader {
  const partition = state.partitions.get(partitionId);
  if (partition === undefined) throw refusalError(noSuchTopic());
  const { replicas, leader, leaderEpoch } = partition;
  const preferred = must(replicas[0], "a replica");
  if (leader === preferred) throw new QueueError("ELECTION_NOT_NEEDED", `broker ${leader} leads the partition already`);
  return { kind: "elect-leader", partitionId, leaderEpoch, leader: preferred };
}
