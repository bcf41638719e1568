import { Buffer } from "node:buffer";
import { QueueError } from "../../base/errors.ts";
import { CLUSTER_KEY, type LogBase } from "../../model/cluster-key.ts";
import { LIST_KEYS_MAX } from "../limits.ts";
import type { StoredSnapshot } from "../metadata-log.ts";
import type { Moved } from "../moved.ts";
import { damagedObject } from "./checked-read.ts";
import { createLogBegin, readClusterKey } from "./cluster-key.ts";
import { encodeEntry } from "./entry-codec.ts";
import { MetadataKeys } from "./keys.ts";
import type { ObjectLogParts } from "./object-log.ts";
import { PatientStore } from "./patient-store.ts";
import { SnapshotObjects } from "./snapshot-objects.ts";

/** A log in the bucket that begins with what came from elsewhere, or ends because it goes on elsewhere. */
export class IncomingObjectLog {
  readonly #parts: ObjectLogParts;
  readonly #store: PatientStore;
  readonly #keys: MetadataKeys;
  readonly #snapshots: SnapshotObjects;

  constructor(parts: ObjectLogParts) {
    this.#parts = parts;
    this.#store = new PatientStore(parts);
    this.#keys = new MetadataKeys(parts.clusterId);
    this.#snapshots = new SnapshotObjects({ ...parts, store: this.#store });
  }

  /** What stands in the way of a copy into the bucket; undefined: nothing, or copies that were not finished. */
  async occupant(): Promise<string | undefined> {
    const key = await readClusterKey(this.#store);
    if (key !== undefined && (key.clusterId !== this.#parts.clusterId || !key.isElsewhere))
      return `${CLUSTER_KEY}, the metadata of cluster ${key.clusterId}`;
    for (const prefix of [this.#keys.entries, this.#keys.heads, this.#keys.parts]) {
      const [first] = await this.#store.list(prefix, "", 1);
      if (first !== undefined) return first;
    }
    return undefined;
  }

  /** Writes the state as of `index`, which counts for nothing until `activate`. */
  async prepare(index: number, pieces: AsyncIterable<Uint8Array>): Promise<LogBase> {
    const base = { index, random: this.#random() };
    await this.#snapshots.write(this.#keys.base(base), index, pieces);
    return base;
  }

  /** What was prepared, read anew. @throws {QueueError} CORRUPT_METADATA */
  async prepared(base: LogBase): Promise<StoredSnapshot> {
    const keys = this.#keys.base(base);
    const found = await this.#snapshots.find(keys, base.index);
    if (found === undefined) throw damagedObject(keys.head, "it went while the metadata was copied");
    return found;
  }

  /**
   * From now on the bucket holds the cluster's metadata: this base, or the same state by an earlier copy whose creation of the key came late.
   * @returns The cluster whose bucket it is; another one came first, and this base will never count.
   * @throws {QueueError} START_REFUSED: the log of this cluster begins there already, with other batches.
   */
  async activate(base: LogBase): Promise<string> {
    const { clusterId } = this.#parts;
    const stands = await createLogBegin(this.#store, { clusterId, isElsewhere: false, base });
    if (stands.clusterId !== clusterId) return stands.clusterId;
    if (stands.base?.index !== base.index)
      throw new QueueError(
        "START_REFUSED",
        `the log of this cluster begins in the bucket already, behind index ${stands.base?.index ?? 0}`,
      );
    await this.#removeOthers(stands.base);
    return clusterId;
  }

  /**
   * Ends the log for good, at exactly the index behind `moved.index`: whoever would append there finds it taken.
   * @throws {QueueError} START_REFUSED: somebody appended meanwhile.
   */
  async retire({ index, place }: Moved): Promise<void> {
    const entry = { index: index + 1, nonce: this.#random(), payload: Buffer.from(place, "utf8") };
    const key = this.#keys.entry(index + 1);
    if (await this.#store.create(key, encodeEntry(this.#parts.clusterId, entry, "moved"))) return;
    throw new QueueError("START_REFUSED", `somebody wrote to the log while it was copied: stop all controllers first. key=${key}`);
  }

  /** Nobody waits any more for the bucket to answer. */
  close(): void {
    this.#store.close();
  }

  /** What copies left that were not finished: none can be activated any more. */
  async #removeOthers(base: LogBase): Promise<void> {
    const { head, part } = this.#keys.base(base);
    const own = part(0).slice(0, part(0).lastIndexOf("/") + 1);
    for (const prefix of [this.#keys.bases, this.#keys.baseParts])
      for (const key of await this.#store.list(prefix, "", LIST_KEYS_MAX))
        if (key !== head && !key.startsWith(own)) await this.#store.remove(key);
  }

  #random(): string {
    return Buffer.from(this.#parts.random.bytes(8)).toString("hex");
  }
}
