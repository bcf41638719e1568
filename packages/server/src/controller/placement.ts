import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import type { BrokerState, ClusterState } from "../cluster/cluster-state.ts";
import { isReady } from "../cluster/rules.ts";

/**
 * Brokers for so many new partitions: striped over those that are ready, in the order of their ids, never two replicas on one host.
 * The first of each is the preferred leader. `firstStripe` moves the beginning, so that small topics do not all meet on
 * the same broker.
 * @throws {QueueError} INVALID_REPLICATION_FACTOR, never silently fewer.
 */
export function placeReplicas(state: ClusterState, count: number, factor: number, firstStripe: number): number[][] {
  const brokers = [...state.brokers.values()].filter(({ fenced }) => !fenced).sort((a, b) => a.id - b.id);
  const hosts = new Set(brokers.map((broker) => broker.host)).size;
  if (factor > hosts)
    throw new QueueError("INVALID_REPLICATION_FACTOR", `Replication factor: ${factor} larger than available brokers: ${hosts}.`);
  return Array.from({ length: count }, (_, partition) => stripe(brokers, (firstStripe + partition) % brokers.length, factor));
}

function stripe(brokers: readonly BrokerState[], from: number, factor: number): number[] {
  const replicas: number[] = [];
  const hosts = new Set<string>();
  for (let step = 0; step < brokers.length && replicas.length < factor; step += 1) {
    const broker = must(brokers[(from + step) % brokers.length], "broker");
    if (hosts.has(broker.host)) continue;
    hosts.add(broker.host);
    replicas.push(broker.id);
  }
  return replicas;
}

/**
 * A placement that a person chose, one list of brokers for each partition.
 * @throws {QueueError} INVALID_REPLICA_ASSIGNMENT
 */
export function checkAssignments(state: ClusterState, assignments: readonly (readonly number[])[], factor: number | undefined): void {
  let expected = factor;
  for (const [partition, brokers] of assignments.entries()) {
    const problem = problemOf(state, brokers, expected);
    if (problem !== undefined) throw new QueueError("INVALID_REPLICA_ASSIGNMENT", `The manual partition assignment includes ${problem}`);
    if (!brokers.some((broker) => isReady(state, broker)))
      throw new QueueError(
        "INVALID_REPLICA_ASSIGNMENT",
        `All brokers specified in the manual partition assignment for partition ${partition} are fenced or in controlled shutdown.`,
      );
    expected = brokers.length;
  }
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
