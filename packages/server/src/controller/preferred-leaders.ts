import { must } from "../base/assert.ts";
import { type ClusterState, NO_LEADER, type PartitionState } from "../cluster/cluster-state.ts";
import type { ElectLeader } from "../cluster/commands.ts";
import type { Effect } from "../cluster/effects.ts";
import { isReady } from "../cluster/rules.ts";
import { PREFERRED_AFTER_MS, PREFERRED_PORTION } from "./limits.ts";

/** A partition that another leads than its first replica, though that could, and since when. */
type Waiting = Readonly<{ preferred: number; sinceMs: number }>;

/**
 * Which partitions are to be led by their first replica again. Pure: all times are arguments, of the controller's monotonic clock.
 * It hears every effect, and looks at all partitions when a broker has become ready, since that is said of no partition.
 */
export class PreferredLeaders {
  readonly #state: ClusterState;
  /** In the order in which they began to wait. */
  readonly #waiting = new Map<number, Waiting>();

  constructor(state: ClusterState) {
    this.#state = state;
  }

  clear(): void {
    this.#waiting.clear();
  }

  /** Whether all partitions have to be looked at. */
  applied(effects: readonly Effect[], nowMs: number): boolean {
    let isAnyReady = false;
    for (const effect of effects) {
      if (effect.kind === "leader-changed" || effect.kind === "in-sync-changed" || effect.kind === "replicas-changed")
        this.look(effect.partitionId, nowMs);
      else if (effect.kind === "topic-deleted") for (const id of effect.partitionIds) this.#waiting.delete(id);
      else if (effect.kind === "broker-fenced" || effect.kind === "broker-registered") this.#forget(effect.broker);
      else if (effect.kind === "broker-unfenced") isAnyReady = true;
    }
    return isAnyReady;
  }

  look(partitionId: number, nowMs: number): void {
    const partition = this.#state.partitions.get(partitionId);
    const preferred = partition === undefined ? undefined : this.#preferredOf(partition);
    const known = this.#waiting.get(partitionId);
    if (known !== undefined && known.preferred === preferred) return;
    this.#waiting.delete(partitionId);
    if (preferred !== undefined) this.#waiting.set(partitionId, { preferred, sinceMs: nowMs });
  }

  /** When the next partition has waited long enough; infinity: none waits. */
  nextMs(): number {
    for (const { sinceMs } of this.#waiting.values()) return sinceMs + PREFERRED_AFTER_MS;
    return Number.POSITIVE_INFINITY;
  }

  /** The next portion, of the brokers that miss most of what they are preferred for. */
  plan(nowMs: number): ElectLeader[] {
    const missing = this.#missing(nowMs);
    const commands: ElectLeader[] = [];
    while (commands.length < PREFERRED_PORTION) {
      const [leader, partitions] = mostMissing(missing);
      const partition = partitions?.pop();
      if (partition === undefined) return commands;
      commands.push({ kind: "elect-leader", partitionId: partition.id, leaderEpoch: partition.leaderEpoch, leader });
    }
    return commands;
  }

  /** What each broker waits for, the longest last. */
  #missing(nowMs: number): Map<number, PartitionState[]> {
    const missing = new Map<number, PartitionState[]>();
    for (const [id, { preferred, sinceMs }] of this.#waiting) {
      if (sinceMs + PREFERRED_AFTER_MS > nowMs) break;
      const partitions = missing.get(preferred) ?? [];
      partitions.push(must(this.#state.partitions.get(id), "a partition that waits"));
      missing.set(preferred, partitions);
    }
    for (const partitions of missing.values()) partitions.reverse();
    return missing;
  }

  /** The first replica, where another leads and it could. */
  #preferredOf({ replicas, inSync, leader }: PartitionState): number | undefined {
    const [preferred = NO_LEADER] = replicas;
    if (leader === NO_LEADER || leader === preferred) return undefined;
    return inSync.includes(preferred) && isReady(this.#state, preferred) ? preferred : undefined;
  }

  #forget(broker: number): void {
    for (const [id, { preferred }] of this.#waiting) if (preferred === broker) this.#waiting.delete(id);
  }
}

function mostMissing(missing: ReadonlyMap<number, PartitionState[]>): readonly [number, PartitionState[] | undefined] {
  let most: readonly [number, PartitionState[] | undefined] = [NO_LEADER, undefined];
  for (const each of missing) if (each[1].length > (most[1]?.length ?? 0)) most = each;
  return most;
}
