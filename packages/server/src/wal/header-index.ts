import { assert } from "../base/assert.ts";
import { INDEX_BYTES_STEP } from "./limits.ts";

const ENTRY_BYTES = 28;
const ENTRIES_FIRST = 4;

/** What all indexes of a log use together. */
export type IndexBudget = { bytes: number };

/**
 * Where the batches of one partition lie: sparse, ascending in offset. An entry stands for the batches from its offset
 * up to the next entry's; they lie in one group, linked by `next` in its directory, beginning with the entry's.
 */
export class HeaderIndex {
  readonly #budget: IndexBudget;
  /** Base offset of the first batch. */
  #offsets = new Float64Array(0);
  /** Address of the group. */
  #groups = new Float64Array(0);
  /** Bytes of all batches appended before it. */
  #before = new Float64Array(0);
  /** Index in the group's directory. */
  #entries = new Uint32Array(0);
  #start = 0;
  #end = 0;
  #bytesEnd = 0;

  constructor(budget: IndexBudget) {
    this.#budget = budget;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Bytes of all batches ever added, minus those cut off. */
  get bytesEnd(): number {
    return this.#bytesEnd;
  }

  offset(i: number): number {
    return this.#offsets[this.#start + i] as number;
  }

  group(i: number): number {
    return this.#groups[this.#start + i] as number;
  }

  entry(i: number): number {
    return this.#entries[this.#start + i] as number;
  }

  bytesBefore(i: number): number {
    return i < this.length ? (this.#before[this.#start + i] as number) : this.#bytesEnd;
  }

  /** Where the batches of entry `i` end: the next entry's offset, or `logEnd`. */
  runEnd(i: number, logEnd: number): number {
    return i + 1 < this.length ? this.offset(i + 1) : logEnd;
  }

  /** The last entry whose offset is at or below this one, or -1. */
  floor(offset: number): number {
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] as number) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1 - this.#start;
  }

  /** Bytes of the batches from the beginning of the run that holds `offset` on. */
  bytesFrom(offset: number): number {
    return this.#bytesEnd - this.bytesBefore(Math.max(0, this.floor(offset)));
  }

  bytesBetween(from: number, to: number): number {
    return Math.max(0, this.#bytesAt(to) - this.#bytesAt(from));
  }

  #bytesAt(offset: number): number {
    if (this.length === 0) return this.#bytesEnd;
    const i = this.floor(offset);
    if (i < 0) return this.bytesBefore(0);
    return this.offset(i) === offset ? this.bytesBefore(i) : this.bytesBefore(i + 1);
  }

  /**
   * Adds a batch at the end. It gets an entry of its own when `apart` (it does not continue the entry before it in the
   * same directory) or when enough bytes have gone by.
   */
  append(offset: number, group: number, entry: number, bytes: number, apart: boolean): void {
    const last = this.#end - 1;
    if (apart || last < this.#start || this.#bytesEnd - (this.#before[last] as number) >= INDEX_BYTES_STEP) {
      assert(last < this.#start || offset > (this.#offsets[last] as number), "index offsets ascend");
      if (this.#end === this.#offsets.length) this.#grow();
      this.#put(this.#end++, offset, group, entry, this.#bytesEnd);
    }
    this.#bytesEnd += bytes;
  }

  /** Removes everything at and above `offset`, which begins a batch. */
  truncate(offset: number): void {
    this.#bytesEnd = this.#bytesAt(offset);
    while (this.#end > this.#start && (this.#offsets[this.#end - 1] as number) >= offset) this.#end -= 1;
  }

  /**
   * Entries [from, to) whose groups lie at addresses [first, end), when addresses ascend. Without that order (some batches
   * were copied) the range may hold others too.
   */
  rangeIn(first: number, end: number, ascending: boolean): readonly [from: number, to: number] {
    if (!ascending) return [0, this.length];
    return [this.#firstGroupAtOrAbove(first), this.#firstGroupAtOrAbove(end)];
  }

  #firstGroupAtOrAbove(address: number): number {
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#groups[middle] as number) < address) low = middle + 1;
      else high = middle;
    }
    return low - this.#start;
  }

  /** Removes the first `count` entries. */
  dropFront(count: number): void {
    this.#start += count;
    assert(this.#start <= this.#end, "only entries that exist can be dropped");
    if (this.#start === this.#end) this.clear();
    else if (this.#start > 64 && this.#start * 2 > this.#offsets.length) this.#resize(this.length);
  }

  /** Forgets all batches; `bytesEnd` stays. */
  clear(): void {
    this.#start = 0;
    this.#end = 0;
    this.#resize(0);
  }

  /**
   * Batches of [offset, runEnd of the last entry replaced) have moved: entries that lie in [offset, end) now point
   * elsewhere. `moved` holds (offset, group, entry) triples, ascending, the first at `offset`.
   */
  replace(offset: number, end: number, moved: readonly MovedRun[]): void {
    const from = this.#lowerBound(offset);
    const to = this.#lowerBound(end);
    const tail = this.length - to;
    const length = from + moved.length + tail;
    const target = new HeaderIndex({ bytes: 0 });
    target.#resize(length);
    for (let i = 0; i < from; i++) target.#put(target.#end++, this.offset(i), this.group(i), this.entry(i), this.bytesBefore(i));
    let before = this.bytesBefore(to) - moved.reduce((sum, run) => sum + run.bytes, 0);
    for (const run of moved) {
      target.#put(target.#end++, run.offset, run.group, run.entry, before);
      before += run.bytes;
    }
    for (let i = to; i < this.length; i++) target.#put(target.#end++, this.offset(i), this.group(i), this.entry(i), this.bytesBefore(i));
    this.#adopt(target);
  }

  /** The first entry at or above this offset. */
  #lowerBound(offset: number): number {
    const i = this.floor(offset);
    return i >= 0 && this.offset(i) === offset ? i : i + 1;
  }

  #put(at: number, offset: number, group: number, entry: number, before: number): void {
    this.#offsets[at] = offset;
    this.#groups[at] = group;
    this.#entries[at] = entry;
    this.#before[at] = before;
  }

  #grow(): void {
    const length = this.length;
    // Room at the front is used again before more is taken.
    this.#resize(length * 2 < this.#offsets.length ? this.#offsets.length : Math.max(ENTRIES_FIRST, length * 2));
  }

  #resize(capacity: number): void {
    const { length } = this;
    this.#budget.bytes += (capacity - this.#offsets.length) * ENTRY_BYTES;
    this.#offsets = moved64(this.#offsets, this.#start, this.#end, capacity);
    this.#groups = moved64(this.#groups, this.#start, this.#end, capacity);
    this.#before = moved64(this.#before, this.#start, this.#end, capacity);
    const entries = new Uint32Array(capacity);
    entries.set(this.#entries.subarray(this.#start, this.#end));
    this.#entries = entries;
    this.#start = 0;
    this.#end = length;
  }

  #adopt(other: HeaderIndex): void {
    this.#budget.bytes += (other.#offsets.length - this.#offsets.length) * ENTRY_BYTES;
    this.#offsets = other.#offsets;
    this.#groups = other.#groups;
    this.#before = other.#before;
    this.#entries = other.#entries;
    this.#start = other.#start;
    this.#end = other.#end;
  }
}

/** A run of batches at its new place, and their bytes. */
export type MovedRun = Readonly<{ offset: number; group: number; entry: number; bytes: number }>;

function moved64(from: Float64Array, start: number, end: number, capacity: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(capacity);
  to.set(from.subarray(start, end));
  return to;
}
