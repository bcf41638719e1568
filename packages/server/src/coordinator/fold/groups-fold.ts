import { Buffer } from "node:buffer";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { RecordCursor, recordSection } from "@tidemq/protocol/record.ts";
import { recordCount } from "@tidemq/protocol/record-batch.ts";
import { QueueError } from "../../base/errors.ts";
import { BATCH_BYTES_MAX } from "../../base/limits.ts";
import type { RecordFold, RecordFolds } from "../../partition/record-fold.ts";
import { ENTRY_BYTES_MAX, FOLD_BYTES_PER_TURN } from "../limits.ts";
import { applyEntry } from "./apply-entry.ts";
import type { Entry } from "./entries.ts";
import { decodeEntry, writeEntry } from "./entry-codec.ts";
import { entriesOf } from "./fold-entries.ts";
import type { GroupState } from "./group-state.ts";

const VERSION = 1;

/**
 * The groups of one internal partition, as its entries made them. Its bytes are the shortest list of entries that makes the same fold,
 * so that there is one codec and one way to apply; docs/formats/groups.md.
 */
export class GroupsFold implements RecordFold {
  /** In the order in which they were made. */
  readonly groups = new Map<string, GroupState>();
  /** About what `encode` gives. */
  bytes = 0;
  readonly #changes = new WeakMap<GroupState, number>();
  readonly #cursor = new RecordCursor();
  #expected: Readonly<{ batch: Uint8Array; entries: readonly Entry[] }> | undefined;

  /** The next batch may be this one, which was made of these entries: then it need not be read, which for a thousand members takes milliseconds. */
  expect(batch: undefined): void;
  expect(batch: Uint8Array, entries: readonly Entry[]): void;
  expect(batch: Uint8Array | undefined, entries: readonly Entry[] = []): void {
    this.#expected = batch && { batch, entries };
  }

  apply(batch: Uint8Array): void {
    if (this.#expected !== undefined && isSameMemory(this.#expected.batch, batch)) {
      for (const entry of this.#expected.entries) this.applyEntry(entry);
      return;
    }
    try {
      this.#cursor.reset(recordSection(batch, 0, BATCH_BYTES_MAX), recordCount(batch, 0));
      while (this.#cursor.next()) this.applyEntry(decodeEntry(this.#cursor.value() ?? Buffer.alloc(0)));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw new QueueError("CORRUPT_RECORD", "corrupt batch of group entries", { cause: error });
    }
  }

  /** @throws QueueError CORRUPT_RECORD when the entry contradicts the group. */
  applyEntry(entry: Entry): void {
    const before = this.#bytesOf(entry.groupId);
    applyEntry(this.groups, entry);
    this.bytes += this.#bytesOf(entry.groupId) - before;
    const group = this.groups.get(entry.groupId);
    if (group !== undefined) this.#changes.set(group, this.changesOf(group) + 1);
  }

  /** How many entries have changed this group here. */
  changesOf(group: GroupState | undefined): number {
    return group === undefined ? 0 : (this.#changes.get(group) ?? 0);
  }

  async encode(pause: () => Promise<void>): Promise<Uint8Array> {
    const writer = new ByteWriter(64 * 1024);
    const pieces: Uint8Array[] = [Uint8Array.of(VERSION)];
    for (const group of this.groups.values()) {
      for (const entry of entriesOf(group)) {
        const start = writer.mark;
        writer.uint32(0);
        writeEntry(writer, entry);
        writer.patchInt32(start, writer.mark - start - 4);
        if (writer.length < FOLD_BYTES_PER_TURN) continue;
        pieces.push(new Uint8Array(writer.finish()));
        writer.reset();
        await pause();
      }
    }
    pieces.push(writer.finish());
    await pause();
    return Buffer.concat(pieces);
  }

  #bytesOf(groupId: string): number {
    const group = this.groups.get(groupId);
    return group === undefined ? 0 : group.membershipBytes + group.offsetBytes;
  }
}

function isSameMemory(some: Uint8Array, other: Uint8Array): boolean {
  return some.buffer === other.buffer && some.byteOffset === other.byteOffset && some.byteLength === other.byteLength;
}

/** Makes the folds of internal partitions that keep groups. */
export const groupsFolds: RecordFolds = {
  empty: () => new GroupsFold(),
  decode: async (bytes, pause) => {
    const fold = new GroupsFold();
    const reader = new ByteReader(bytes);
    try {
      const version = reader.int8();
      if (version !== VERSION)
        throw new QueueError("CORRUPT_RECORD", `fold of groups of an unknown version. version=${version} known=${VERSION}`);
      let rested = 0;
      while (reader.remaining > 0) {
        fold.applyEntry(decodeEntry(readEntry(reader)));
        if (reader.position - rested < FOLD_BYTES_PER_TURN) continue;
        rested = reader.position;
        await pause();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw new QueueError("CORRUPT_RECORD", "corrupt fold of groups", { cause: error });
    }
    return fold;
  },
};

function readEntry(reader: ByteReader): Uint8Array {
  const length = reader.uint32();
  if (length > ENTRY_BYTES_MAX) throw reader.malformed(`entry of ${length} bytes`);
  return reader.bytes(length);
}
