import { QueueError } from "../base/errors.ts";
import { nextTurn } from "../io/clock.ts";
import { compareObjectIds, type ObjectId, type ObjectKind, objectKey } from "../model/object-id.ts";
import type { ManifestPointer } from "../model/object-range.ts";
import { corrupt } from "./identity-codec.ts";
import { MANIFEST_DEPTH_MAX, REFERENCES_PER_TURN } from "./limits.ts";
import { decodeManifest } from "./manifest-codec.ts";
import { ObjectMissingError, readStore, type StoreReadParts } from "./store-read.ts";

/**
 * What the metadata names from this moment on. Iterated in pieces, between which the metadata changes: both go on where they were, never on
 * an older state than this process has applied, nor than they have told of. What cannot be told rejects with QueueError.
 */
export interface NamedObjects {
  /** Objects that ranges in the state lie in, each once. */
  records(): Iterable<NamedObject> | AsyncIterable<NamedObject>;
  /** The manifests of all partitions. */
  manifests(): Iterable<NamedManifest> | AsyncIterable<NamedManifest>;
}

export type NamedObject = Readonly<{ id: ObjectId; objectBytes: number }>;
export type NamedManifest = Readonly<{ pointer: ManifestPointer; logStart: number }>;

export type ReferenceParts = StoreReadParts & Readonly<{ named: NamedObjects; clusterId: string; stopped: () => boolean }>;

/** Called for each reference: an object has one for each of its ranges in manifests. */
type Visit = (id: ObjectId, bytes: number, kind: ObjectKind) => void;

/** The process stops: what was walked so far is not all. */
export class WalkEnded extends Error {
  override readonly name = "WalkEnded";
}

/**
 * Every object that somebody may still want to read: named by the state, or by a manifest of it at or above logStart.
 *
 * Ranges move from the state into manifests, never back. So what was in the state when the walk began is met: there, or, since
 * the pointers are taken when the state has been walked, in the manifest that it has moved to meanwhile. Manifests never change.
 */
export class ObjectReferences {
  readonly #parts: ReferenceParts;
  readonly #visit: Visit;
  #visited = 0;
  /** Manifests that are damaged or missing: what they name is not known. */
  readonly unreadable: ManifestPointer[] = [];

  constructor(parts: ReferenceParts, visit: Visit) {
    this.#parts = parts;
    this.#visit = visit;
  }

  /** @throws QueueError OBJECT_STORAGE_UNAVAILABLE: not all manifests could be read now. {@link WalkEnded} */
  async walk(): Promise<void> {
    const { named } = this.#parts;
    for await (const { id, objectBytes } of named.records()) if (this.#met(id, objectBytes, "records")) await this.#pause();
    for await (const { pointer, logStart } of named.manifests()) await this.#walkManifest(pointer, logStart, 1);
  }

  /**
   * Whether a manifest that cannot be read may name it. What a manifest names was made before it, but for its leaf, whose
   * number is the next one.
   */
  mayBeHidden(id: ObjectId): boolean {
    return this.unreadable.some(({ object }) => {
      return id.broker !== object.broker || compareObjectIds(id, { ...object, sequence: object.sequence + 1 }) <= 0;
    });
  }

  async #walkManifest(pointer: ManifestPointer, logStart: number, depth: number): Promise<void> {
    if (this.#met(pointer.object, pointer.objectBytes, "manifest")) await this.#pause();
    try {
      if (depth > MANIFEST_DEPTH_MAX) throw corrupt(`partition=${pointer.partitionId}`, "manifests below manifests without end");
      const { children, ranges } = await this.#read(pointer);
      for (const child of children) if (child.endOffset > logStart) await this.#walkManifest(child, logStart, depth + 1);
      for (const { object, objectBytes, endOffset } of ranges)
        if (object !== undefined && endOffset > logStart && this.#met(object, objectBytes, "records")) await this.#pause();
    } catch (error) {
      if (!(error instanceof QueueError) || !isLost(error)) throw error;
      this.unreadable.push(pointer);
    }
  }

  /** Past the cache: a walk reads each once, and would push out what readers want. */
  async #read(pointer: ManifestPointer) {
    const { clusterId } = this.#parts;
    const key = objectKey(clusterId, pointer.object, "manifest");
    const where = `object=${key} partition=${pointer.partitionId}`;
    const read = async () => decodeManifest(await readStore(this.#parts, key, 0, pointer.objectBytes, where), pointer, clusterId, where);
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof QueueError) || error.code !== "CORRUPT_RECORD") throw error;
      return read(); // a flipped bit on the way
    }
  }

  /** Whether it is time for others. */
  #met(id: ObjectId, bytes: number, kind: ObjectKind): boolean {
    this.#visit(id, bytes, kind);
    this.#visited += 1;
    if (this.#parts.stopped()) throw new WalkEnded();
    return this.#visited % REFERENCES_PER_TURN === 0;
  }

  #pause(): Promise<void> {
    return nextTurn(this.#parts.clock);
  }
}

/** Rather than that the store does not answer. */
function isLost(error: QueueError): boolean {
  return error.code === "CORRUPT_RECORD" || error instanceof ObjectMissingError;
}
