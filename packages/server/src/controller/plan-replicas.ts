import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import type { ElectLeader, ReassignPartition } from "../cluster/commands.ts";
import { isCordoned, noSuchTopic } from "../cluster/rules.ts";
import { INTERNAL_REPLICATION_FACTOR } from "./limits.ts";
import { checkReplicaList } from "./manual-placement.ts";
import { type PlanParts, refusalError } from "./plan-topics.ts";

/** Of partitions that were placed, or are to be. @throws {QueueError} INVALID_REPLICATION_FACTOR; nothing is placed then. */
export function checkFactor({ placement }: PlanParts, assignments: readonly (readonly number[])[], max: number): void {
  if (assignments.every(({ length }) => length <= max)) return;
  placement.forget();
  throw new QueueError("INVALID_REPLICATION_FACTOR", `replication is not implemented: a partition has ${max} replica, give factor ${max}`);
}

/**
 * Of a topic of our own. A host whose brokers are not ready counts: what has fewer replicas than it could would have them for ever, so the
 * topic waits for them.
 */
export function internalFactor(state: ClusterState, max: number): number {
  const open = [...state.brokers.values()].filter(({ id }) => !isCordoned(state, id));
  const hosts = new Set(open.map(({ host }) => host)).size;
  return Math.max(1, Math.min(INTERNAL_REPLICATION_FACTOR, hosts, max));
}

/** What a reassignment may ask for. `mayChangeFactor`: another number of replicas than there are. */
export type ReassignmentBounds = Readonly<{ factorMax: number; mayChangeFactor: boolean }>;

/**
 * `replicas` undefined: the reassignment that runs is cancelled.
 * @throws {QueueError} UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT with Kafka's texts, INVALID_REPLICATION_FACTOR.
 */
export function planReassignment(
  state: ClusterState,
  partitionId: number,
  replicas: readonly number[] | undefined,
  { factorMax, mayChangeFactor }: ReassignmentBounds,
): ReassignPartition {
  const partition = state.partitions.get(partitionId);
  if (partition === undefined) throw refusalError(noSuchTopic());
  if (replicas === undefined) return { kind: "reassign-partition", partitionId, replicas };
  if (factorMax === 1)
    throw new QueueError("NOT_IMPLEMENTED", "replication is not implemented: nothing would be copied to another replica");
  checkReplicaList(state, replicas);
  const factor = (partition.reassignment?.target ?? partition.replicas).length;
  if (!mayChangeFactor && replicas.length !== factor)
    throw new QueueError("INVALID_REPLICATION_FACTOR", `The replication factor is changed from ${factor} to ${replicas.length}`);
  if (replicas.length > factorMax) throw new QueueError("INVALID_REPLICATION_FACTOR", `a partition has at most ${factorMax} replicas`);
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
