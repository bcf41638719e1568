import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { assert } from "../base/assert.ts";
import { type BlockEntry, BlockTable } from "./block-table.ts";
import { combineCrc32c } from "./crc32c-combine.ts";
import { corrupt } from "./identity-codec.ts";
import { BATCH_BYTES_MAX, BLOCK_BYTES_TARGET, SUMMED_BATCH_BYTES_MIN } from "./limits.ts";
import type { EpochStart } from "./section-index-codec.ts";

/** The data of one section, cut into blocks: everything of it that does not depend on the object's id. */
export type SectionData = Readonly<{
  partitionId: number;
  /** The bytes as they were given, cut but not copied. */
  pieces: readonly Uint8Array[];
  dataBytes: number;
  dataCrc: number;
  blocks: BlockTable;
  epochs: readonly EpochStart[];
  maxTimestampMs: number;
}>;

/**
 * Cuts the stored batches of one partition into data blocks. Takes them in pieces of any size: a batch, and its header
 * too, may lie across pieces. Looks at headers only. The checksum of a large batch, which was checked when it was appended
 * or read, goes into that of its block as it is: its bytes are hashed by the store, and that has to come to the same.
 */
export class SectionBuilder {
  readonly #partitionId: number;
  readonly #blockBytesTarget: number;
  readonly #summedBytesMin: number;
  readonly #pieces: Uint8Array[] = [];
  readonly #blocks: BlockEntry[] = [];
  readonly #epochs: EpochStart[] = [];
  #dataCrc = 0;
  #closedBytes = 0;
  /** The offset behind the last batch whose header was seen; the next one may not begin below it. */
  #endOffset: number;
  #maxTimestampMs = -1;
  // The batch that is being passed: bytes of it still to come, and its header as far as it lies across pieces.
  #batchLeft = 0;
  readonly #header = Buffer.alloc(batch.BATCH_HEADER_BYTES);
  #headerBytes = 0;
  readonly #headerRuns: Uint8Array[] = [];
  /** The checksum of the batch that is being passed is known. */
  #isSummed = false;
  /** What is hashed already of the piece that is being added. */
  #hashFrom = 0;
  // The block that is being filled.
  #blockBytes = 0;
  #blockCrc = 0;
  #blockFirstOffset = 0;
  #blockMaxTimestampMs = -1;
  /** Bytes that the block will have once its last batch is complete. */
  #blockBytesPlanned = 0;

  constructor(partitionId: number, startOffset: number, blockBytesTarget = BLOCK_BYTES_TARGET, summedBytesMin = SUMMED_BATCH_BYTES_MIN) {
    this.#partitionId = partitionId;
    this.#summedBytesMin = summedBytesMin;
    this.#endOffset = startOffset;
    this.#blockBytesTarget = blockBytesTarget;
  }

  /** The offset behind the last batch. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Bytes of all batches whose header was seen. */
  get dataBytes(): number {
    return this.#closedBytes + this.#blockBytesPlanned;
  }

  /**
   * The bytes must not change until the object is stored.
   * @throws QueueError CORRUPT_RECORD when they are not batches in offset order: the log is damaged.
   */
  add(piece: Uint8Array): void {
    let at = 0; // what has been looked at
    let from = 0; // what has been given to a block
    this.#hashFrom = 0;
    while (at < piece.byteLength) {
      if (this.#batchLeft > 0) {
        const step = Math.min(this.#batchLeft, piece.byteLength - at);
        this.#batchLeft -= step;
        at += step;
        if (this.#isSummed) this.#hashFrom = at;
        continue;
      }
      if (this.#headerBytes === 0 && piece.byteLength - at >= batch.BATCH_HEADER_BYTES) {
        from = this.#beginBatch(piece, from, at);
        continue;
      }
      // The header lies across pieces: until all of it is there nobody knows which block its bytes belong to.
      if (this.#headerBytes === 0) this.#extend(piece, from, at);
      const step = Math.min(batch.BATCH_HEADER_BYTES - this.#headerBytes, piece.byteLength - at);
      Buffer.from(piece.buffer, piece.byteOffset + at, step).copy(this.#header, this.#headerBytes);
      this.#headerRuns.push(piece.subarray(at, at + step));
      this.#headerBytes += step;
      at += step;
      from = at;
      this.#hashFrom = at;
      if (this.#headerBytes === batch.BATCH_HEADER_BYTES) this.#beginScattered();
    }
    this.#extend(piece, from, at);
  }

  /** The next batch begins a block: a hole or something else lies before it that no block may hold. */
  cut(): void {
    if (this.#batchLeft > 0 || this.#headerBytes > 0) throw this.#damaged("the last batch is incomplete");
    this.#closeBlock();
  }

  /** Nothing may be added afterwards; the last batch must be complete. */
  finish(): SectionData {
    this.cut();
    const blocks = new BlockTable(this.#blocks.length);
    for (const [block, entry] of this.#blocks.entries()) blocks.set(block, entry);
    return {
      partitionId: this.#partitionId,
      pieces: this.#pieces,
      dataBytes: blocks.dataBytes,
      dataCrc: this.#dataCrc,
      blocks,
      epochs: this.#epochs,
      maxTimestampMs: this.#maxTimestampMs,
    };
  }

  /** A batch begins at `at` of `piece`, of which nothing from `from` on is in a block yet. Returns the new `from`. */
  #beginBatch(piece: Uint8Array, from: number, at: number): number {
    const size = this.#checkHeader(piece, at);
    let start = from;
    if (this.#startsBlock(size)) {
      this.#extend(piece, from, at);
      this.#closeBlock();
      start = at;
    }
    this.#noteBatch(piece, at, size);
    this.#isSummed = size >= this.#summedBytesMin;
    if (this.#isSummed) {
      this.#hash(piece, at);
      this.#addBatchCrc(piece, at, size);
    }
    this.#batchLeft = size;
    return start;
  }

  #beginScattered(): void {
    const size = this.#checkHeader(this.#header, 0);
    if (this.#startsBlock(size)) this.#closeBlock();
    this.#noteBatch(this.#header, 0, size);
    this.#isSummed = size >= this.#summedBytesMin;
    if (this.#isSummed) this.#addBatchCrc(this.#header, 0, size);
    else this.#blockCrc = crc32c(this.#header, this.#blockCrc);
    this.#batchLeft = size - batch.BATCH_HEADER_BYTES;
    for (const run of this.#headerRuns) this.#push(run);
    this.#headerRuns.length = 0;
    this.#headerBytes = 0;
  }

  #startsBlock(size: number): boolean {
    return this.#blockBytesPlanned > 0 && this.#blockBytesPlanned + size > this.#blockBytesTarget;
  }

  #checkHeader(bytes: Uint8Array, at: number): number {
    const size = batch.batchBytes(bytes, at);
    if (size < batch.BATCH_HEADER_BYTES || size > BATCH_BYTES_MAX) throw this.#damaged(`a batch of ${size} bytes`);
    const first = batch.baseOffset(bytes, at);
    const end = batch.endOffset(bytes, at);
    if (first < this.#endOffset || end <= first || !Number.isSafeInteger(end)) throw this.#damaged(`a batch of offsets [${first}, ${end})`);
    return size;
  }

  #noteBatch(bytes: Uint8Array, at: number, size: number): void {
    const firstOffset = batch.baseOffset(bytes, at);
    if (this.#blockBytesPlanned === 0) this.#blockFirstOffset = firstOffset;
    this.#blockBytesPlanned += size;
    this.#endOffset = batch.endOffset(bytes, at);
    this.#blockMaxTimestampMs = Math.max(this.#blockMaxTimestampMs, batch.maxTimestamp(bytes, at));
    const leaderEpoch = batch.leaderEpoch(bytes, at);
    const last = this.#epochs.at(-1);
    if (last === undefined || leaderEpoch > last.leaderEpoch) this.#epochs.push({ leaderEpoch, startOffset: firstOffset });
  }

  /** Bytes [from, to) of the piece belong to the block. */
  #extend(piece: Uint8Array, from: number, to: number): void {
    this.#hash(piece, to);
    if (to > from) this.#push(from === 0 && to === piece.byteLength ? piece : piece.subarray(from, to));
  }

  #push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#blockBytes += bytes.byteLength;
  }

  #hash(piece: Uint8Array, to: number): void {
    if (to > this.#hashFrom) this.#blockCrc = crc32c(piece.subarray(this.#hashFrom, to), this.#blockCrc);
    this.#hashFrom = to;
  }

  /** A whole batch at once: the few bytes before its own checksum begins, then that. */
  #addBatchCrc(header: Uint8Array, at: number, size: number): void {
    const front = crc32c(header.subarray(at, at + batch.ATTRIBUTES_AT), this.#blockCrc);
    this.#blockCrc = combineCrc32c(front, batch.batchCrc(header, at), size - batch.ATTRIBUTES_AT);
  }

  #closeBlock(): void {
    if (this.#blockBytes === 0) return;
    assert(this.#blockBytes === this.#blockBytesPlanned, "a block ends where a batch ends");
    this.#blocks.push({
      firstOffset: this.#blockFirstOffset,
      endOffset: this.#endOffset,
      maxTimestampMs: this.#blockMaxTimestampMs,
      bytes: this.#blockBytes,
      crc: this.#blockCrc,
    });
    this.#dataCrc = combineCrc32c(this.#dataCrc, this.#blockCrc, this.#blockBytes);
    this.#maxTimestampMs = Math.max(this.#maxTimestampMs, this.#blockMaxTimestampMs);
    this.#closedBytes += this.#blockBytes;
    this.#blockBytes = 0;
    this.#blockBytesPlanned = 0;
    this.#blockCrc = 0;
    this.#blockMaxTimestampMs = -1;
  }

  #damaged(problem: string): Error {
    return corrupt(`partition=${this.#partitionId} behind offset=${this.#endOffset}`, problem);
  }
}
