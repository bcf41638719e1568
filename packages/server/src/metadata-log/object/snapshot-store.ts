import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert, must } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import type { Clock } from "../../io/clock.ts";
import type { Random } from "../../io/random.ts";
import type { Log } from "../../telemetry/log.ts";
import { LIST_KEYS_MAX, SNAPSHOT_PART_BYTES, SNAPSHOT_PARTS_MAX, SNAPSHOTS_KEPT } from "../limits.ts";
import type { StoredSnapshot } from "../metadata-log.ts";
import { damagedObject, readChecked } from "./checked-read.ts";
import { type MetadataKeys, parseHeadKey, partIndex } from "./keys.ts";
import type { PatientStore } from "./patient-store.ts";
import { decodeSnapshotHead, encodeSnapshotHead, isNewerHead, type SnapshotHead } from "./snapshot-head-codec.ts";

export type SnapshotStoreParts = Readonly<{
  store: PatientStore;
  keys: MetadataKeys;
  clusterId: string;
  clock: Clock;
  random: Random;
  logger: Log;
}>;

type Found = Readonly<{ index: number; random: string }>;

/** The snapshots in the bucket. Parts first, each proven; then the head, without which they are nothing. */
export class SnapshotStore {
  readonly #parts: SnapshotStoreParts;
  #newestIndex = 0;
  #writing = false;

  constructor(parts: SnapshotStoreParts) {
    this.#parts = parts;
  }

  /** Of the newest one that this process wrote or found; 0 = none. */
  get newestIndex(): number {
    return this.#newestIndex;
  }

  /** Not when it is older than one known. The ones behind the two newest go afterwards. */
  async put(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    assert(!this.#writing, "one snapshot is written at a time");
    if (index <= this.#newestIndex) return;
    this.#writing = true;
    try {
      await this.#write(index, pieces);
      this.#newestIndex = Math.max(this.#newestIndex, index);
      await this.#removeOlder();
    } finally {
      this.#writing = false;
    }
  }

  /** Those that went since they were listed are passed over. */
  async latest(): Promise<StoredSnapshot | undefined> {
    for (const found of await this.#list()) {
      const head = await this.#head(found);
      if (head === undefined) continue;
      this.#newestIndex = Math.max(this.#newestIndex, found.index);
      return { index: found.index, bytes: head.bytes, pieces: this.#read(found, head) };
    }
    return undefined;
  }

  async #write(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const { keys, clusterId, random } = this.#parts;
    const attempt = Buffer.from(random.bytes(8)).toString("hex");
    const partCrcs: number[] = [];
    let bytes = 0;
    for await (const part of inParts(pieces)) {
      assert(partCrcs.length < SNAPSHOT_PARTS_MAX, `a snapshot has more than ${SNAPSHOT_PARTS_MAX} parts`);
      await this.#create(keys.part(index, attempt, partCrcs.length), part);
      partCrcs.push(crc32c(part));
      bytes += part.byteLength;
    }
    await this.#create(keys.head(index, attempt), encodeSnapshotHead({ index, clusterId, bytes, partCrcs }));
  }

  /** @throws {QueueError} CORRUPT_METADATA when the store holds something else. */
  async #create(key: string, bytes: Uint8Array): Promise<void> {
    if (!(await this.#parts.store.create(key, bytes))) throw damagedObject(key, "the store holds other bytes than it was sent");
  }

  /** Newest first. */
  async #list(): Promise<Found[]> {
    const keys = await this.#parts.store.list(this.#parts.keys.heads, "", LIST_KEYS_MAX);
    const found = keys.flatMap((key) => parseHeadKey(key) ?? []);
    return found.sort((a, b) => b.index - a.index || (a.random < b.random ? -1 : 1));
  }

  /** Undefined: it is gone. @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT. */
  async #head({ index, random }: Found): Promise<SnapshotHead | undefined> {
    const { store, keys, clusterId } = this.#parts;
    const key = keys.head(index, random);
    const stored = await store.head(key);
    if (stored === undefined) return undefined;
    const bytes = async (): Promise<SnapshotHead | undefined> => decodeSnapshotHead(await store.read(key, 0, stored.bytes));
    const head = await readChecked(this.#parts, key, bytes);
    if (head === undefined) return undefined;
    if (isNewerHead(head))
      throw new QueueError(
        "NEWER_FORMAT",
        `the snapshot was written by newer software: start that version. key=${key} version=${head.version}`,
      );
    if (head.index !== index || head.clusterId !== clusterId) throw damagedObject(key, "it is another snapshot's");
    return head;
  }

  async *#read({ index, random }: Found, head: SnapshotHead): AsyncGenerator<Uint8Array> {
    const { store, keys } = this.#parts;
    for (const [part, crc] of head.partCrcs.entries()) {
      const key = keys.part(index, random, part);
      const length = Math.min(SNAPSHOT_PART_BYTES, head.bytes - part * SNAPSHOT_PART_BYTES);
      const bytes = await readChecked(this.#parts, key, async () => {
        const read = await store.read(key, 0, length);
        return crc32c(read) === crc ? read : undefined;
      });
      if (bytes === undefined) throw damagedObject(key, "a part of the snapshot is missing");
      yield bytes;
    }
  }

  /** Heads first: what has none is never read. */
  async #removeOlder(): Promise<void> {
    const { store, keys, logger } = this.#parts;
    const found = await this.#list();
    const kept = found.slice(0, SNAPSHOTS_KEPT);
    if (kept.length < SNAPSHOTS_KEPT) return;
    for (const { index, random } of found.slice(SNAPSHOTS_KEPT)) await store.remove(keys.head(index, random));
    const oldestKept = must(kept.at(-1), "a snapshot that stays").index;
    let removed = 0;
    for (const key of await store.list(keys.parts, "", LIST_KEYS_MAX)) {
      if ((partIndex(key) ?? oldestKept) >= oldestKept) break;
      await store.remove(key);
      removed += 1;
    }
    if (removed > 0) logger.debug("parts of older snapshots were removed", { parts: removed });
  }
}

/** The same bytes in pieces of SNAPSHOT_PART_BYTES, the last one shorter. */
async function* inParts(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let part = Buffer.allocUnsafe(SNAPSHOT_PART_BYTES);
  let filled = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.byteLength; ) {
      const length = Math.min(piece.byteLength - at, SNAPSHOT_PART_BYTES - filled);
      part.set(piece.subarray(at, at + length), filled);
      at += length;
      filled += length;
      if (filled < SNAPSHOT_PART_BYTES) continue;
      yield part;
      part = Buffer.allocUnsafe(SNAPSHOT_PART_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}
