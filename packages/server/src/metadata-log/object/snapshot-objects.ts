import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import type { Clock } from "../../io/clock.ts";
import type { Random } from "../../io/random.ts";
import { SNAPSHOT_PART_BYTES, SNAPSHOT_PARTS_MAX } from "../limits.ts";
import type { StoredSnapshot } from "../metadata-log.ts";
import { damagedObject, readChecked } from "./checked-read.ts";
import type { SnapshotKeys } from "./keys.ts";
import type { PatientStore } from "./patient-store.ts";
import { decodeSnapshotHead, encodeSnapshotHead, isNewerHead, type SnapshotHead } from "./snapshot-head-codec.ts";

/** One snapshot in the bucket: parts, each proven; then the head, without which they are nothing. */
export class SnapshotObjects {
  readonly #parts: Readonly<{ store: PatientStore; clusterId: string; clock: Clock; random: Random }>;

  constructor(parts: Readonly<{ store: PatientStore; clusterId: string; clock: Clock; random: Random }>) {
    this.#parts = parts;
  }

  /** @throws {QueueError} CORRUPT_METADATA when the store holds something else. */
  async write(keys: SnapshotKeys, index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const partCrcs: number[] = [];
    let bytes = 0;
    for await (const part of inParts(pieces)) {
      assert(partCrcs.length < SNAPSHOT_PARTS_MAX, `a snapshot has more than ${SNAPSHOT_PARTS_MAX} parts`);
      await this.#create(keys.part(partCrcs.length), part);
      partCrcs.push(crc32c(part));
      bytes += part.byteLength;
    }
    await this.#create(keys.head, encodeSnapshotHead({ index, clusterId: this.#parts.clusterId, bytes, partCrcs }));
  }

  /** Undefined: it is gone. @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT. */
  async find(keys: SnapshotKeys, index: number): Promise<StoredSnapshot | undefined> {
    const head = await this.#head(keys.head, index);
    return head === undefined ? undefined : { index, bytes: head.bytes, pieces: this.#read(keys, head) };
  }

  async #create(key: string, bytes: Uint8Array): Promise<void> {
    if (!(await this.#parts.store.create(key, bytes))) throw damagedObject(key, "the store holds other bytes than it was sent");
  }

  async #head(key: string, index: number): Promise<SnapshotHead | undefined> {
    const { store, clusterId } = this.#parts;
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

  async *#read(keys: SnapshotKeys, head: SnapshotHead): AsyncGenerator<Uint8Array> {
    const { store } = this.#parts;
    for (const [part, crc] of head.partCrcs.entries()) {
      const key = keys.part(part);
      const length = Math.min(SNAPSHOT_PART_BYTES, head.bytes - part * SNAPSHOT_PART_BYTES);
      const bytes = await readChecked(this.#parts, key, async () => {
        const read = await store.read(key, 0, length);
        return crc32c(read) === crc ? read : undefined;
      });
      if (bytes === undefined) throw damagedObject(key, "a part of the snapshot is missing");
      yield bytes;
    }
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
