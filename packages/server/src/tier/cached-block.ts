import { crc32c } from "@tidemq/protocol/crc32c.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import type { BlockMemory } from "./block-memory.ts";
import type { BlockEntry } from "./block-table.ts";
import { corrupt } from "./identity-codec.ts";
import { BLOCK_MARK_BYTES } from "./limits.ts";

/** A data block whose checksum and batches were checked. Its bytes do not change while its memory is held, or the cache has it. */
export class CachedBlock {
  readonly bytes: Uint8Array;
  /** Undefined: of its own, and views of it last for ever. */
  readonly memory: BlockMemory | undefined;
  readonly firstOffset: number;
  readonly endOffset: number;
  /** Every 16 KiB or so: where a batch begins, and the offset at which it does. */
  readonly #markPositions: readonly number[];
  readonly #markOffsets: readonly number[];

  /**
   * @param crc Of the bytes, when somebody has hashed them already.
   * @throws QueueError CORRUPT_RECORD unless the bytes are the block that the index describes.
   */
  static checked(bytes: Uint8Array, entry: BlockEntry, where: string, memory?: BlockMemory, crc = crc32c(bytes)): CachedBlock {
    const place = `${where} offsets=[${entry.firstOffset}, ${entry.endOffset})`;
    if (crc !== entry.crc) throw corrupt(place, "checksum of a data block");
    return new CachedBlock(bytes, entry, place, memory);
  }

  /** Of bytes that are proven. @throws QueueError CORRUPT_RECORD unless batches of the offsets of the entry fill them. */
  constructor(bytes: Uint8Array, entry: BlockEntry, place: string, memory?: BlockMemory) {
    this.bytes = bytes;
    this.memory = memory;
    this.firstOffset = entry.firstOffset;
    this.endOffset = entry.endOffset;
    const positions: number[] = [];
    const offsets: number[] = [];
    let end = entry.firstOffset;
    let nextMark = 0;
    for (let at = 0; at < bytes.byteLength; ) {
      const size = batch.wholeBatchBytes(bytes, at, bytes.byteLength);
      const first = size === 0 ? -1 : batch.baseOffset(bytes, at);
      if (first < end || batch.endOffset(bytes, at) <= first) throw corrupt(place, "batches do not fill the block in order");
      if (at >= nextMark) {
        positions.push(at);
        offsets.push(first);
        nextMark = at + BLOCK_MARK_BYTES;
      }
      end = batch.endOffset(bytes, at);
      at += size;
    }
    if (offsets[0] !== entry.firstOffset || end !== entry.endOffset) throw corrupt(place, "batches of other offsets");
    this.#markPositions = positions;
    this.#markOffsets = offsets;
  }

  /** Position of the first batch that ends above `offset`; the block's length when there is none. */
  find(offset: number): number {
    const { bytes } = this;
    if (offset < this.firstOffset) return 0;
    let at = this.#markPositions[this.#markAtOrBelow(offset)] ?? 0;
    while (at < bytes.byteLength && batch.endOffset(bytes, at) <= offset) at += batch.batchBytes(bytes, at);
    return at;
  }

  /**
   * End position of the batches from `from` on that are below `endOffset` and together not above `bytesMax`; with
   * `atLeastOne`, of the first one below `endOffset` in any case.
   */
  limit(from: number, endOffset: number, bytesMax: number, atLeastOne: boolean): number {
    const { bytes } = this;
    if (this.endOffset <= endOffset && bytes.byteLength - from <= bytesMax) return bytes.byteLength;
    let at = from;
    while (at < bytes.byteLength && batch.endOffset(bytes, at) <= endOffset) {
      const next = at + batch.batchBytes(bytes, at);
      if (next - from > bytesMax && !(atLeastOne && at === from)) break;
      at = next;
    }
    return at;
  }

  /** The offset at which the batch at `position` begins; `endOffset` at the block's end. */
  offsetAt(position: number): number {
    return position < this.bytes.byteLength ? batch.baseOffset(this.bytes, position) : this.endOffset;
  }

  /** Position of the first batch from `from` on that has a record of this time or later; the block's length when none has. */
  findTimestamp(from: number, timestampMs: number): number {
    const { bytes } = this;
    let at = from;
    while (at < bytes.byteLength && batch.maxTimestamp(bytes, at) < timestampMs) at += batch.batchBytes(bytes, at);
    return at;
  }

  #markAtOrBelow(offset: number): number {
    let low = 0;
    let high = this.#markOffsets.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#markOffsets[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
