import { assert } from "../base/assert.ts";

/** What a section index says of one data block. Offsets: first, and exclusive end. */
export type BlockEntry = Readonly<{ firstOffset: number; endOffset: number; maxTimestampMs: number; bytes: number; crc: number }>;

/** The data blocks of one section, ascending, as columns. A block is named by its number. */
export class BlockTable {
  readonly count: number;
  readonly #firstOffsets: Float64Array;
  readonly #endOffsets: Float64Array;
  readonly #maxTimestampsMs: Float64Array;
  /** Positions from the section's start; one more than there are blocks. */
  readonly #positions: Float64Array;
  readonly #crcs: Uint32Array;

  constructor(count: number) {
    this.count = count;
    this.#firstOffsets = new Float64Array(count);
    this.#endOffsets = new Float64Array(count);
    this.#maxTimestampsMs = new Float64Array(count);
    this.#positions = new Float64Array(count + 1);
    this.#crcs = new Uint32Array(count);
  }

  /** In order of the numbers. */
  set(block: number, entry: BlockEntry): void {
    this.#firstOffsets[block] = entry.firstOffset;
    this.#endOffsets[block] = entry.endOffset;
    this.#maxTimestampsMs[block] = entry.maxTimestampMs;
    this.#positions[block + 1] = this.position(block) + entry.bytes;
    this.#crcs[block] = entry.crc;
  }

  firstOffset(block: number): number {
    return at(this.#firstOffsets, block);
  }

  /** Exclusive. */
  endOffset(block: number): number {
    return at(this.#endOffsets, block);
  }

  maxTimestampMs(block: number): number {
    return at(this.#maxTimestampsMs, block);
  }

  /** Bytes from the section's start to the block's; for `count`, to the end of the data. */
  position(block: number): number {
    return at(this.#positions, block);
  }

  bytes(block: number): number {
    return this.position(block + 1) - this.position(block);
  }

  crc(block: number): number {
    return at(this.#crcs, block);
  }

  get dataBytes(): number {
    return this.position(this.count);
  }

  /** The first block with a batch that ends above `offset`; `count` when there is none. */
  find(offset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.endOffset(middle) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  entry(block: number): BlockEntry {
    return {
      firstOffset: this.firstOffset(block),
      endOffset: this.endOffset(block),
      maxTimestampMs: this.maxTimestampMs(block),
      bytes: this.bytes(block),
      crc: this.crc(block),
    };
  }
}

function at(column: Float64Array | Uint32Array, block: number): number {
  const value = column[block];
  assert(value !== undefined, `there is no block ${block}`);
  return value;
}
