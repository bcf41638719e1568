import { withinTime } from "../io/backoff.ts";
import { ObjectStoreError } from "../io/object-store.ts";
import { compareObjectIds, type ObjectId } from "../model/object-id.ts";
import { REMOVES_MAX, STORE_READ_WAIT_MS } from "./limits.ts";
import type { ObjectIds } from "./object-ids.ts";
import { type ListedObject, listPages } from "./object-listing.ts";
import { type NamedObjects, ObjectReferences, type ReferenceParts, WalkEnded } from "./object-references.ts";
import { ObjectSet } from "./object-set.ts";

/** The lowest id of a broker that may still commit. */
export type CommitBounds = ReadonlyMap<number, Readonly<{ brokerEpoch: number; sequence: number }>>;

/** What collecting asks of the metadata. */
export interface CollectionIndex extends NamedObjects {
  /** `raise-commit-bound` for this process. Resolves when it is applied. Rejects with QueueError. */
  raiseCommitBound(sequence: number): Promise<void>;
  /** As applied now. */
  commitBounds(): CommitBounds;
}

export type RoundParts = Omit<ReferenceParts, "named"> & Readonly<{ index: CollectionIndex; ids: ObjectIds }>;

/** Somebody has gone on from this metadata already: an older copy of it runs here. Nothing is deleted on its word. */
export class OlderMetadataError extends Error {
  override readonly name = "OlderMetadataError";

  constructor(key: string) {
    super(
      `object storage holds an object of a later process than this data folder knows: it is an older copy. Nothing is deleted. key=${key}`,
    );
  }
}

/**
 * One collection: deletes what is proven to be of no use. The order is the proof.
 *
 * 1. A command raises the bound below which nothing commits any more.
 * 2. Everything that the metadata names is met, beginning when that command is applied.
 * 3. LIST nominates. Below the bound and not met: it can never be named again, so it goes.
 */
export class CollectionRound {
  readonly #parts: RoundParts;
  readonly #live = new ObjectSet();
  #bounds: CommitBounds = new Map();
  readonly #references: ObjectReferences;
  /** Deletions whose outcome is not known. */
  unknown = 0;
  #workFromMs = Number.POSITIVE_INFINITY;

  constructor(parts: RoundParts) {
    this.#parts = parts;
    this.#references = new ObjectReferences({ ...parts, named: parts.index }, (id) => this.#live.add(id));
  }

  /** Manifests that could not be read: what they may name stays. */
  get unreadable(): number {
    return this.#references.unreadable.length;
  }

  /** How long manifests are read and the bucket is listed by now. The wait for the command before it costs nothing, so it does not count. */
  get workMs(): number {
    return Math.max(0, this.#parts.clock.monotonicMs() - this.#workFromMs);
  }

  /**
   * @param isFirst Of this process: looks at all keys before it deletes the first.
   * @throws QueueError ObjectStoreError {@link WalkEnded} {@link OlderMetadataError}: to be tried again.
   */
  async run(isFirst: boolean): Promise<void> {
    await this.#raiseBound();
    this.#workFromMs = this.#parts.clock.monotonicMs();
    this.#bounds = new Map(this.#parts.index.commitBounds());
    await this.#references.walk();
    if (isFirst) for await (const { objects } of this.#pages()) for (const { id, key } of objects) this.#checkOwn(id, key);
    for await (const { objects } of this.#pages()) {
      for (const { id, key } of objects) this.#checkOwn(id, key);
      await this.#removeAll(objects.filter(({ id }) => this.#isDead(id)));
    }
  }

  /** Not when it stands there already: a node with nothing to do writes nothing. */
  async #raiseBound(): Promise<void> {
    const { index, ids } = this.#parts;
    const { lowestOpen } = ids;
    const bound = index.commitBounds().get(ids.broker);
    if (bound?.brokerEpoch === ids.brokerEpoch && bound.sequence >= lowestOpen) return;
    await index.raiseCommitBound(lowestOpen);
  }

  #pages() {
    const { store, clock, clusterId } = this.#parts;
    return listPages(store, clock, `${clusterId}/data/`, clusterId);
  }

  #isDead(id: ObjectId): boolean {
    if (this.#live.has(id)) return false;
    const bound = this.#bounds.get(id.broker);
    const mayCommit = bound === undefined || compareObjectIds(id, { ...id, ...bound }) >= 0;
    return !mayCommit && !this.#references.mayBeHidden(id);
  }

  /** An id of this broker that it has not drawn yet, or of a process that comes after this one. */
  #checkOwn(id: ObjectId, key: string): void {
    const { broker, brokerEpoch, newest } = this.#parts.ids;
    if (id.broker !== broker || id.brokerEpoch < brokerEpoch) return;
    if (id.brokerEpoch > brokerEpoch || id.sequence > newest) throw new OlderMetadataError(key);
  }

  async #removeAll(dead: readonly ListedObject[]): Promise<void> {
    const { metrics } = this.#parts;
    metrics.objectsWaiting = dead.length;
    const left = [...dead];
    const work = async (): Promise<void> => {
      for (let one = left.pop(); one !== undefined; one = left.pop()) await this.#remove(one.key);
    };
    await Promise.all(Array.from({ length: Math.min(REMOVES_MAX, dead.length) }, work));
  }

  /** Its length is asked for first, which also tells what a stale LIST names. */
  async #remove(key: string): Promise<void> {
    const { store, clock, metrics, stopped } = this.#parts;
    if (stopped()) throw new WalkEnded();
    const late = (): Error => new ObjectStoreError("unknown", "no answer about a deletion");
    try {
      const found = await withinTime(clock, store.head(key), STORE_READ_WAIT_MS, late);
      if (found !== undefined) {
        await withinTime(clock, store.remove(key), STORE_READ_WAIT_MS, late);
        metrics.objectsCollected += 1;
        metrics.bytesCollected += found.bytes;
      }
      metrics.objectsWaiting -= 1;
    } catch (error) {
      if (!(error instanceof ObjectStoreError) || error.code !== "unknown") throw error;
      this.unknown += 1; // it is listed again, or it is gone
    }
  }
}
