import { QueueError } from "../base/errors.ts";
import { ObjectStoreError } from "../io/object-store.ts";
import { UNMERGED_RANGES_MAX } from "../model/object-range.ts";
import { ROLLS_MAX } from "./limits.ts";
import type { ManifestCache } from "./manifest-cache.ts";
import { isRollDue, ManifestRoll } from "./manifest-roll.ts";
import type { StoreWatch } from "./put-object.ts";
import type { UploadSources } from "./upload-sources.ts";
import type { UploadParts } from "./upload-task.ts";

export type RollQueueParts = UploadParts & Readonly<{ manifests: ManifestCache; fatal: (error: Error) => void }>;

/** Partitions whose manifest is to be rolled, a few at a time. A partition without room waits for it with its uploads. */
export class RollQueue {
  readonly #parts: RollQueueParts;
  readonly #sources: UploadSources;
  readonly #watch: StoreWatch;
  readonly #roll: ManifestRoll;
  readonly #changed: () => void;
  readonly #due = new Set<number>();
  readonly #rolling = new Set<number>();

  /** @param changed Called after each roll: uploads may go on. */
  constructor(parts: RollQueueParts, sources: UploadSources, watch: StoreWatch, changed: () => void) {
    this.#parts = parts;
    this.#sources = sources;
    this.#watch = watch;
    this.#roll = new ManifestRoll(parts, parts.manifests, watch);
    this.#changed = changed;
  }

  get running(): number {
    return this.#rolling.size;
  }

  /** A range was committed: notes whether the partition is to be rolled. */
  ranges(partitionId: number): void {
    if (isRollDue(partitionId, this.#parts.index.unmergedCount(partitionId))) this.#due.add(partitionId);
  }

  /** Whether the state takes another range of the partition; if not, it is to be rolled. */
  hasRoom(partitionId: number): boolean {
    if (this.#parts.index.unmergedCount(partitionId) < UNMERGED_RANGES_MAX) return true;
    this.#due.add(partitionId);
    return false;
  }

  /** Begins what may run now. */
  begin(): void {
    for (const partitionId of this.#due) {
      if (this.#rolling.size >= ROLLS_MAX) return;
      if (this.#rolling.has(partitionId)) continue;
      this.#due.delete(partitionId);
      const source = this.#sources.get(partitionId);
      const due = isRollDue(partitionId, this.#parts.index.unmergedCount(partitionId));
      if (source !== undefined && due) this.#run(partitionId, source.leaderEpoch);
    }
  }

  #run(partitionId: number, leaderEpoch: number): void {
    this.#rolling.add(partitionId);
    this.#roll
      .run(partitionId, leaderEpoch)
      .then((room) => {
        if (room) this.#sources.worked(partitionId);
        else this.#sources.rest(partitionId);
      })
      .catch((error: unknown) => this.#failed(partitionId, error))
      .finally(() => {
        this.#rolling.delete(partitionId);
        this.#changed();
      });
  }

  /** Tried again when the partition is looked at next, or with its next range. */
  #failed(partitionId: number, error: unknown): void {
    if (!(error instanceof QueueError || error instanceof ObjectStoreError)) {
      return this.#parts.fatal(error instanceof Error ? error : new Error(String(error)));
    }
    if (error instanceof ObjectStoreError) this.#watch.gaveUp();
    this.#sources.rest(partitionId);
    this.#parts.log.warn("the manifest of a partition could not be rolled", { partition: partitionId, error: error.message });
  }
}
