import type { ClusterState, PartitionState } from "../cluster/cluster-state.ts";
import { type Candidate, candidatesOf } from "./placement-candidates.ts";

/** Partitions that are counted before the time is looked at. */
const LOOKED_AT_ONCE = 64;

/** Where a partition is to have its replicas when its broker is drained. */
export type DrainMove = Readonly<{ partitionId: number; topic: string; index: number; from: readonly number[]; to: readonly number[] }>;

/** Partitions that nobody can take are `stuck`. */
export type DrainPlan = Readonly<{ moves: readonly DrainMove[]; stuck: readonly PartitionState[] }>;

/** What a broker still has. `moving`: of `replicas`, those that go already. */
export type DrainProgress = Readonly<{ replicas: number; leads: number; moving: number }>;

/**
 * Every replica of the broker goes to whoever would get it of a new topic: not to a host that has another one of the partition, into a rack that
 * has none if there is one, and to those with the fewest. What goes already is left alone. What changes while the plan is made may be missing in it.
 *
 * @param pause Called between partitions.
 */
export async function planDrain(state: ClusterState, broker: number, pause: () => Promise<void>): Promise<DrainPlan> {
  const candidates = candidatesOf(state);
  const partitions: PartitionState[] = [];
  let looked = 0;
  for (const partition of state.partitions.values()) {
    looked += 1;
    if (looked % LOOKED_AT_ONCE === 0) await pause();
    const target = targetOf(partition);
    for (const [at, replica] of target.entries()) candidates.get(replica)?.has(at === 0);
    if (target.includes(broker)) partitions.push(partition);
  }
  candidates.delete(broker);
  const moves: DrainMove[] = [];
  const stuck: PartitionState[] = [];
  for (const partition of partitions) {
    await pause();
    const to = replaced(state, targetOf(partition), broker, candidates);
    if (to === undefined) stuck.push(partition);
    else moves.push({ partitionId: partition.id, topic: partition.topic, index: partition.index, from: targetOf(partition), to });
  }
  return { moves, stuck };
}

export function drainProgress(state: ClusterState, broker: number): DrainProgress {
  let [replicas, leads, moving] = [0, 0, 0];
  for (const partition of state.partitions.values()) {
    if (!partition.replicas.includes(broker)) continue;
    replicas += 1;
    if (partition.leader === broker) leads += 1;
    if (!targetOf(partition).includes(broker)) moving += 1;
  }
  return { replicas, leads, moving };
}

/** The reassignments that take replicas off the broker. */
export function drainMoves(state: ClusterState, broker: number): PartitionState[] {
  return [...state.partitions.values()].filter(({ reassignment }) => {
    return reassignment?.before.includes(broker) === true && !reassignment.target.includes(broker);
  });
}

function targetOf({ reassignment, replicas }: PartitionState): readonly number[] {
  return reassignment?.target ?? replicas;
}

function replaced(
  state: ClusterState,
  target: readonly number[],
  broker: number,
  candidates: ReadonlyMap<number, Candidate>,
): readonly number[] | undefined {
  const others = target.filter((replica) => replica !== broker).map((replica) => state.brokers.get(replica));
  const hosts = new Set(others.map((other) => other?.host));
  const racks = new Set(others.map((other) => other?.rack));
  let best: Candidate | undefined;
  for (const candidate of candidates.values()) {
    const known = state.brokers.get(candidate.id);
    if (target.includes(candidate.id) || hosts.has(known?.host)) continue;
    if (best === undefined || isBetter(candidate, best, (id) => racks.has(state.brokers.get(id)?.rack))) best = candidate;
  }
  if (best === undefined) return undefined;
  best.added();
  const taker = best.id;
  const replicas = target.map((replica) => (replica === broker ? taker : replica));
  return target[0] === broker ? ledByLeast(replicas, candidates) : replicas;
}

function isBetter(one: Candidate, than: Candidate, hasRack: (id: number) => boolean): boolean {
  const [a, b] = [hasRack(one.id), hasRack(than.id)];
  return a === b ? one.replicas < than.replicas : b;
}

/** The preferred leader was the broker that is drained: now whoever leads least. */
function ledByLeast(replicas: readonly number[], candidates: ReadonlyMap<number, Candidate>): readonly number[] {
  const able = replicas.map((replica) => candidates.get(replica)).filter((candidate) => candidate !== undefined);
  const least = able.reduce<Candidate | undefined>((best, one) => (best === undefined || one.leads < best.leads ? one : best), undefined);
  if (least === undefined) return replicas;
  least.leadsMore(1);
  return [least.id, ...replicas.filter((replica) => replica !== least.id)];
}
