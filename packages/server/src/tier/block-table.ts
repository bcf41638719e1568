import { assert } from "../base/assert.ts";

/** What a section index says of one data block. Offsets: first, and exclusive end. */
export type BlockEntry = Readonly<{ firstOffset: number; endOffset: number; maxTimestampMs: number; bytes: number; crc: number }>;

const COLUMNS = 5;
/** Behind the positions. */
const [FIRST, END, MAX_TIMESTAMP, CRC] = [1, 2, 3, 4];

/**
 * The data blocks of one section, ascending, as columns. A block is named by its number. All columns share one array: most
 * sections have one block, and an array by itself weighs more than what it holds.
 */
export class BlockTable {
  readonly count: number;
  /** Positions from the section's start, one more than there are blocks; then first offsets, end offsets, timestamps, checksums. */
  readonly #columns: Float64Array;

  constructor(count: number) {
    this.count = count;
    this.#columns = new Float64Array(COLUMNS * count + 1);
  }

  /** In order of the numbers. */
  set(block: number, entry: BlockEntry): void {
    this.#columns[block + 1] = this.position(block) + entry.bytes;
    this.#columns[this.#at(FIRST, block)] = entry.firstOffset;
    this.#columns[this.#at(END, block)] = entry.endOffset;
    this.#columns[this.#at(MAX_TIMESTAMP, block)] = entry.maxTimestampMs;
    this.#columns[this.#at(CRC, block)] = entry.crc;
  }

  firstOffset(block: number): number {
    return this.#columns[this.#at(FIRST, block)] as number;
  }

  /** Exclusive. */
  endOffset(block: number): number {
    return this.#columns[this.#at(END, block)] as number;
  }

  maxTimestampMs(block: number): number {
    return this.#columns[this.#at(MAX_TIMESTAMP, block)] as number;
  }

  /** Bytes from the section's start to the block's; for `count`, to the end of the data. */
  position(block: number): number {
    assert(block >= 0 && block <= this.count, `there is no block ${block}`);
    return this.#columns[block] as number;
  }

  bytes(block: number): number {
    return this.position(block + 1) - this.position(block);
  }

  crc(block: number): number {
    return this.#columns[this.#at(CRC, block)] as number;
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

  #at(column: number, block: number): number {
    assert(block >= 0 && block < this.count, `there is no block ${block}`);
    return 1 + column * this.count + block;
  }
}
