import * as batch from "@tidemq/protocol/record-batch.ts";
import { must } from "../base/assert.ts";
import { kafkaErrorOf } from "../base/errors.ts";
import type { ClusterState, PartitionState } from "../cluster/cluster-state.ts";
import type { Effect } from "../cluster/effects.ts";
import { topicSettings } from "../config/topic-options.ts";
import type { Log } from "../telemetry/log.ts";
import type { Uploader } from "../tier/upload.ts";
import type { RecoveredPartition, WalPartition } from "../wal/wal.ts";
import { applyBehind, HeaderFold } from "./header-fold.ts";
import { decodeHeaderFold } from "./header-fold-codec.ts";
import { Partition, type PartitionParts } from "./partition.ts";
import type { Partitions } from "./partitions.ts";
import { PartitionUploadSource } from "./upload-source.ts";

export type HostingParts = PartitionParts &
  Readonly<{
    brokerId: number;
    state: ClusterState;
    partitions: Partitions;
    uploader: Uploader;
    log: Log;
  }>;

/** Keeps the partitions here what the metadata says is led here: opens them at the start, then follows every applied change. */
export class Hosting {
  readonly #parts: HostingParts;

  constructor(parts: HostingParts) {
    this.#parts = parts;
  }

  /** What the WAL held, then what it never heard of. Before anything is served. */
  async restore(recovered: readonly RecoveredPartition[]): Promise<void> {
    for (const found of recovered) {
      const state = this.#led(found.partition.id);
      if (state !== undefined) await this.#restoreOne(state, found);
    }
    for (const state of this.#parts.state.partitions.values()) {
      if (this.#led(state.id) !== undefined && this.#parts.partitions.byId(state.id) === undefined) await this.#openNew(state);
    }
  }

  /** In the turn in which the metadata changed. */
  applied(effects: readonly Effect[]): void {
    for (const effect of effects) this.#apply(effect);
  }

  #apply(effect: Effect): void {
    switch (effect.kind) {
      case "partition-created":
      case "leader-changed":
        return this.#leaderChanged(effect.partitionId);
      case "topic-deleted":
        for (const id of effect.partitionIds) this.#drop(id, "UNKNOWN_TOPIC_OR_PARTITION");
        return;
      case "uploaded-end-moved":
        return this.#parts.partitions.byId(effect.partitionId)?.uploadedMoved(effect.uploadedEnd);
      case "log-start-raised":
        return this.#parts.partitions.byId(effect.partitionId)?.logStartRaised(effect.logStart);
      case "loss-accepted":
        return this.#parts.partitions.byId(effect.partitionId)?.lossAccepted(effect.from, effect.to);
      case "topic-configs-changed":
        return this.#configsChanged(effect.topicId);
      default:
        return;
    }
  }

  #leaderChanged(partitionId: number): void {
    const state = this.#led(partitionId);
    if (state === undefined) return this.#drop(partitionId, "NOT_LEADER");
    // At the start `restore` opens everything; afterwards only a new partition becomes led here, and it is empty.
    if (this.#parts.partitions.byId(partitionId) === undefined && state.uploadedEnd === 0) this.#openEmpty(state);
  }

  #led(partitionId: number): PartitionState | undefined {
    const state = this.#parts.state.partitions.get(partitionId);
    return state?.leader === this.#parts.brokerId ? state : undefined;
  }

  /** Base and live fold in one pass over the headers; a second one when the base had to come from an object. */
  async #restoreOne(state: PartitionState, found: RecoveredPartition): Promise<void> {
    let base = await this.#baseOf(state, found);
    let live = base.copy();
    let oldestMs: number | undefined;
    await found.replay((header, _address, appendTimeMs) => {
      const below = batch.baseOffset(header, 0) < state.uploadedEnd;
      if (below) applyBehind(base, header, appendTimeMs);
      else oldestMs ??= appendTimeMs;
      applyBehind(live, header, appendTimeMs);
    });
    if (base.nextOffset < state.uploadedEnd) {
      base = await this.#baseFromObject(state);
      live = base.copy();
      await found.replay((header, _address, appendTimeMs) => applyBehind(live, header, appendTimeMs));
    }
    if (live.nextOffset < found.partition.logEnd) live.skipTo(found.partition.logEnd);
    this.#open(state, found.partition, base, live, oldestMs);
  }

  /** The WAL's base, else that of the object that ends at uploadedEnd, else an incomplete one. */
  async #baseOf(state: PartitionState, found: RecoveredPartition): Promise<HeaderFold> {
    if (found.base !== undefined) return decodeHeaderFold(found.base.bytes);
    if (state.uploadedEnd === 0) return new HeaderFold(0);
    return this.#baseFromObject(state);
  }

  async #baseFromObject(state: PartitionState): Promise<HeaderFold> {
    try {
      const found = await this.#parts.remote.base(state.id, state.uploadedEnd);
      if (found?.endOffset === state.uploadedEnd) return decodeHeaderFold(found.bytes);
    } catch (error) {
      this.#parts.log.warn("the fold of a partition is neither in the log nor in object storage", {
        partition: `${state.topic}-${state.index}`,
        uploadedEnd: state.uploadedEnd,
        reason: (error as Error).message,
      });
    }
    const base = new HeaderFold(state.uploadedEnd);
    base.incomplete = true;
    return base;
  }

  async #openNew(state: PartitionState): Promise<void> {
    if (state.uploadedEnd === 0) return this.#openEmpty(state);
    const base = await this.#baseFromObject(state);
    const wal = this.#parts.wal.host(state.id, { logEnd: state.uploadedEnd, uploadedEnd: state.uploadedEnd });
    this.#open(state, wal, base, base.copy(), undefined);
  }

  #openEmpty(state: PartitionState): void {
    const wal = this.#parts.wal.host(state.id, { logEnd: 0, uploadedEnd: 0 });
    this.#open(state, wal, new HeaderFold(0), new HeaderFold(0), undefined);
  }

  #open(state: PartitionState, wal: WalPartition, base: HeaderFold, live: HeaderFold, oldestPendingMs: number | undefined): void {
    const { id, topic, topicId, index, leaderEpoch, logStart } = state;
    const settings = this.#settings(topicId);
    const partition = new Partition({ id, topic, topicId, index }, { wal, base, live, leaderEpoch, logStart, settings }, this.#parts);
    this.#parts.partitions.add(partition);
    this.#parts.uploader.add(new PartitionUploadSource(partition, oldestPendingMs));
  }

  #settings(topicId: string) {
    return topicSettings(must(this.#parts.state.topicsById.get(topicId), "the topic of a partition").configs);
  }

  #configsChanged(topicId: string): void {
    const settings = this.#settings(topicId);
    for (const id of must(this.#parts.state.topicsById.get(topicId), "a topic whose options changed").partitions) {
      const partition = this.#parts.partitions.byId(id);
      if (partition !== undefined) partition.settings = settings;
    }
  }

  #drop(partitionId: number, code: "UNKNOWN_TOPIC_OR_PARTITION" | "NOT_LEADER"): void {
    const partition = this.#parts.partitions.remove(partitionId);
    if (partition === undefined) return;
    this.#parts.uploader.remove(partitionId);
    partition.close(kafkaErrorOf(code));
    this.#parts.wal.forget(partitionId);
  }
}
