import { QueueError } from "../base/errors.ts";
import { type ClusterState, isInternalTopic, type PartitionState } from "../cluster/cluster-state.ts";
import { type Clock, nextTurn, type Timer } from "../io/clock.ts";
import type { ManifestPointer } from "../model/object-range.ts";
import type { Partition } from "../partition/partition.ts";
import type { Partitions } from "../partition/partitions.ts";
import type { Log } from "../telemetry/log.ts";
import type { ManifestCache } from "../tier/manifest-cache.ts";
import type { Controller } from "./controller.ts";
import { RETENTION_SLICE } from "./limits.ts";
import { expireInManifest } from "./manifest-expiry.ts";
import {
  edgeOf,
  expiryOf,
  type ManifestEdge,
  planRetention,
  type RaiseReason,
  type RetentionInputs,
  type RetentionPlan,
  type RetentionRules,
} from "./plan-retention.ts";
import { RetentionTime } from "./retention-time.ts";

export type RetentionParts = Readonly<{
  controller: Controller;
  partitions: Partitions;
  manifests: ManifestCache;
  clock: Clock;
  log: Log;
  /** How often everything is looked at, to begin with. */
  intervalMs: number;
  /** After each look. */
  looked: () => void;
  /** A broken invariant in the background: ends the process. */
  fatal: (error: Error) => void;
}>;

/** Raises the start of the partitions that are led here, as their topics' retention says. Sums are since the process began. */
export class RetentionDriver {
  readonly #parts: RetentionParts;
  readonly #state: ClusterState;
  readonly #time: RetentionTime;
  readonly #edges = new Map<number, ManifestEdge>();
  readonly raised: Record<RaiseReason, number> = { time: 0, size: 0, internal: 0 };
  /** Raises that were refused, or manifests that could not be read: looked at again the next time. */
  failures = 0;
  #intervalMs: number;
  #lookedAtMs = 0;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#state = parts.controller.state;
    this.#intervalMs = parts.intervalMs;
    this.#time = new RetentionTime(parts.clock);
  }

  start(): void {
    this.#time.nowMs();
    this.#lookedAtMs = this.#parts.clock.monotonicMs();
    this.#plan();
  }

  /** Begins nothing more; resolves when what is under way has ended, at the latest after `waitMs`. */
  async stop(waitMs: number): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    const { clock } = this.#parts;
    let timer: Timer | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = clock.after(waitMs, resolve);
    });
    await Promise.race([this.#running, waited]);
    timer?.cancel();
  }

  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** The next look is so long after the last one. */
  lookEvery(intervalMs: number): void {
    if (intervalMs === this.#intervalMs) return;
    this.#intervalMs = intervalMs;
    if (this.#timer === undefined) return; // it is looking, or has not begun
    this.#timer.cancel();
    this.#plan();
  }

  #plan(): void {
    if (this.#stopped) return;
    const waitMs = Math.max(0, this.#lookedAtMs + this.#intervalMs - this.#parts.clock.monotonicMs());
    this.#timer = this.#parts.clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#running = this.look()
        .catch((error: unknown) => this.#parts.fatal(error instanceof Error ? error : new Error(String(error))))
        .finally(() => {
          this.#lookedAtMs = this.#parts.clock.monotonicMs();
          this.#plan();
        });
    });
  }

  /** One look at all partitions that are led here. */
  async look(): Promise<void> {
    const nowMs = this.#time.nowMs();
    let slice: Partition[] = [];
    for (const partition of this.#parts.partitions.all()) {
      slice.push(partition);
      if (slice.length < RETENTION_SLICE) continue;
      await this.#lookAt(slice, nowMs);
      await nextTurn(this.#parts.clock);
      slice = [];
    }
    await this.#lookAt(slice, nowMs);
    this.#forgetGone();
    this.#parts.looked();
  }

  async #lookAt(slice: readonly Partition[], nowMs: number): Promise<void> {
    if (this.#stopped) return;
    const raises: Promise<void>[] = [];
    for (const partition of slice) {
      const state = this.#state.partitions.get(partition.identity.id);
      if (state === undefined) continue;
      const inputs = this.#inputsOf(partition, nowMs);
      const plan = planRetention(state, rulesOf(partition), inputs);
      if (plan !== undefined) raises.push(this.#perform(partition, state, plan, inputs));
    }
    await Promise.all(raises);
  }

  #inputsOf(partition: Partition, nowMs: number): RetentionInputs {
    const { wal, uploadedEnd, highWatermark, identity } = partition;
    return { nowMs, pendingBytes: wal.bytesBetween(uploadedEnd, highWatermark), edge: this.#edges.get(identity.id) };
  }

  /** Whatever fails is looked at again the next time: the topic is gone, another leads, the store does not answer. */
  async #perform(partition: Partition, state: PartitionState, plan: RetentionPlan, inputs: RetentionInputs): Promise<void> {
    try {
      const { manifest } = state;
      const inside = plan.kind === "look" && manifest !== undefined ? await this.#lookInside(partition, state, manifest, inputs) : plan;
      if (inside?.kind === "raise") await this.#raise(partition, inside.logStart, inside.reason);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      this.failures += 1;
      this.#parts.log.warn("retention: looked at again the next time", { partition: partition.name, error: error.message });
    }
  }

  async #lookInside(
    partition: Partition,
    state: PartitionState,
    manifest: ManifestPointer,
    inputs: RetentionInputs,
  ): Promise<RetentionPlan | undefined> {
    const rules = rulesOf(partition);
    const expiry = expiryOf(state, rules, inputs);
    const { plan, edge } = await expireInManifest(this.#parts.manifests, manifest, state.logStart, expiry);
    if (edge !== undefined) this.#edges.set(state.id, edge);
    return plan;
  }

  async #raise(partition: Partition, logStart: number, reason: RaiseReason): Promise<void> {
    const { identity, leaderEpoch } = partition;
    await partition.raiseLogStart(logStart, (batchOffset) =>
      this.#parts.controller.raiseLogStart(identity.id, leaderEpoch, logStart, batchOffset),
    );
    this.raised[reason] += 1;
  }

  /** What is remembered of partitions that are gone, or whose manifest is another one. */
  #forgetGone(): void {
    for (const [id, edge] of this.#edges) {
      const state = this.#state.partitions.get(id);
      if (state === undefined || edgeOf(state, edge) === undefined) this.#edges.delete(id);
    }
  }
}

function rulesOf({ settings, identity }: Partition): RetentionRules {
  const { isDeletable, retentionMs, retentionBytes } = settings;
  return { isDeletable, retentionMs, retentionBytes, isInternal: isInternalTopic(identity.topic) };
}
