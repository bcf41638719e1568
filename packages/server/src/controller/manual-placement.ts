import { QueueError } from "../base/errors.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import { isReady } from "../cluster/rules.ts";

/**
 * A placement that a person chose, one list of brokers for each partition.
 * @throws {QueueError} INVALID_REPLICA_ASSIGNMENT
 */
export function checkAssignments(state: ClusterState, assignments: readonly (readonly number[])[], factor: number | undefined): void {
  let expected = factor;
  for (const [partition, brokers] of assignments.entries()) {
    checkReplicaList(state, brokers, expected);
    if (!brokers.some((broker) => isReady(state, broker)))
      throw new QueueError(
        "INVALID_REPLICA_ASSIGNMENT",
        `All brokers specified in the manual partition assignment for partition ${partition} are fenced or in controlled shutdown.`,
      );
    expected = brokers.length;
  }
}

/** As above, of one partition, which may wait for those of its brokers that are not ready. @param expected How many there are to be. */
export function checkReplicaList(state: ClusterState, brokers: readonly number[], expected?: number): void {
  const problem = problemOf(state, brokers, expected);
  if (problem !== undefined) throw new QueueError("INVALID_REPLICA_ASSIGNMENT", `The manual partition assignment includes ${problem}`);
}

function problemOf(state: ClusterState, brokers: readonly number[], expected: number | undefined): string | undefined {
  if (brokers.length === 0) return "an empty replica list.";
  const sorted = [...brokers].sort((a, b) => a - b);
  const unknown = sorted.find((broker) => !state.brokers.has(broker));
  if (unknown !== undefined) return `broker ${unknown}, but no such broker is registered.`;
  const twice = sorted.find((broker, at) => broker === sorted[at - 1]);
  if (twice !== undefined) return `the broker ${twice} more than once.`;
  if (expected === undefined || expected === brokers.length) return undefined;
  return `a partition with ${brokers.length} replica(s), but this is not consistent with previous partitions, which have ${expected} replica(s).`;
}
