import { QueueError } from "../base/errors.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import type { ReassignPartition } from "../cluster/commands.ts";
import { noSuchTopic } from "../cluster/rules.ts";
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
  const hosts = new Set([...state.brokers.values()].map(({ host }) => host)).size;
  return Math.max(1, Math.min(INTERNAL_REPLICATION_FACTOR, hosts, max));
}

/**
 * `replicas` undefined: the reassignment that runs is cancelled.
 * @throws {QueueError} UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT with Kafka's texts.
 */
export function planReassignment(
  state: ClusterState,
  partitionId: number,
  replicas: readonly number[] | undefined,
  max: number,
): ReassignPartition {
  if (!state.partitions.has(partitionId)) throw refusalError(noSuchTopic());
  if (replicas === undefined) return { kind: "reassign-partition", partitionId, replicas };
  if (max === 1) throw new QueueError("NOT_IMPLEMENTED", "replication is not implemented: nothing would be copied to another replica");
  checkReplicaList(state, replicas);
  if (replicas.length > max) throw new QueueError("INVALID_REPLICATION_FACTOR", `a partition has at most ${max} replicas`);
  return { kind: "reassign-partition", partitionId, replicas };
}
