import { assert } from "../base/assert.ts";
import { INDEX_BYTES_STEP } from "./limits.ts";

/*
 * One array, four numbers an entry: base offset of the first batch · address of the group · bytes of all batches before it ·
 * index in the group's directory.
 */
const STRIDE = 4;
const GROUP = 1;
const BEFORE = 2;
const ENTRY = 3;
const ENTRY_BYTES = STRIDE * Float64Array.BYTES_PER_ELEMENT;
const ENTRIES_FIRST = 4;
/** A cleared index keeps so much, since it is mostly filled again. */
const ENTRIES_KEPT = 16;
const NOTHING = new Float64Array(0);

/** What all indexes of a log use together. */
export type IndexBudget = { bytes: number };

/** A run of batches at its new place, and their bytes. */
export type MovedRun = Readonly<{ offset: number; group: number; entry: number; bytes: number }>;

/**
 * Where the batches of one partition lie: sparse, ascending in offset. An entry stands for the batches from its offset
 * up to the next entry's; they lie in one group, linked by `next` in its directory, beginning with the entry's.
 */
export class HeaderIndex {
  readonly #budget: IndexBudget;
  #numbers = NOTHING;
  /** Entries [start, end) of the array are filled. */
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
    return this.#numbers[(this.#start + i) * STRIDE] as number;
  }

  group(i: number): number {
    return this.#numbers[(this.#start + i) * STRIDE + GROUP] as number;
  }

  entry(i: number): number {
    return this.#numbers[(this.#start + i) * STRIDE + ENTRY] as number;
  }

  bytesBefore(i: number): number {
    return i < this.length ? (this.#numbers[(this.#start + i) * STRIDE + BEFORE] as number) : this.#bytesEnd;
  }

  /** Where the batches of entry `i` end: the next entry's offset, or `logEnd`. */
  runEnd(i: number, logEnd: number): number {
    return i + 1 < this.length ? this.offset(i + 1) : logEnd;
  }

  /** The last entry whose offset is at or below this one, or -1. */
  floor(offset: number): number {
    return this.#firstAbove(0, offset) - 1;
  }

  /**
   * Entries [from, to) whose groups lie at addresses [first, end), when addresses ascend. Without that order (some batches
   * were copied) the range may hold others too.
   */
  rangeIn(first: number, end: number, ascending: boolean): readonly [from: number, to: number] {
    if (!ascending) return [0, this.length];
    return [this.#firstAbove(GROUP, first - 1), this.#firstAbove(GROUP, end - 1)];
  }

  /** The first entry whose whole number at `field` is above this one. */
  #firstAbove(field: number, value: number): number {
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#numbers[middle * STRIDE + field] as number) <= value) low = middle + 1;
      else high = middle;
    }
    return low - this.#start;
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
    const last = this.length - 1;
    if (apart || last < 0 || this.#bytesEnd - this.bytesBefore(last) >= INDEX_BYTES_STEP) {
      assert(last < 0 || offset > this.offset(last), "index offsets ascend");
      this.#push(offset, group, entry, this.#bytesEnd);
    }
    this.#bytesEnd += bytes;
  }

  #push(offset: number, group: number, entry: number, before: number): void {
    if ((this.#end + 1) * STRIDE > this.#numbers.length) this.#makeRoom();
    const at = this.#end * STRIDE;
    this.#numbers[at] = offset;
    this.#numbers[at + GROUP] = group;
    this.#numbers[at + BEFORE] = before;
    this.#numbers[at + ENTRY] = entry;
    this.#end += 1;
  }

  /** Removes everything at and above `offset`, which begins a batch. */
  truncate(offset: number): void {
    this.#bytesEnd = this.#bytesAt(offset);
    while (this.length > 0 && this.offset(this.length - 1) >= offset) this.#end -= 1;
  }

  /** Removes the first `count` entries. */
  dropFront(count: number): void {
    assert(count <= this.length, "only entries that exist can be dropped");
    this.#start += count;
    const capacity = this.#numbers.length / STRIDE;
    if (this.length === 0) this.clear();
    else if (this.length * 4 < capacity && capacity > ENTRIES_KEPT) this.#moveTo(this.length * 2);
  }

  /** Forgets all batches; `bytesEnd` stays. */
  clear(): void {
    this.#start = 0;
    this.#end = 0;
    if (this.#numbers.length > ENTRIES_KEPT * STRIDE) this.#moveTo(0);
  }

  /**
   * Batches of [offset, end) have moved: the entries there are replaced by `moved`, which ascend from `offset` on. Batches that
   * are in none of them are gone.
   */
  replace(offset: number, end: number, moved: readonly MovedRun[]): void {
    const from = this.#firstAbove(0, offset - 1);
    const to = this.#firstAbove(0, end - 1);
    const before = this.bytesBefore(to) - moved.reduce((sum, run) => sum + run.bytes, 0);
    const tail = this.#numbers.slice((this.#start + to) * STRIDE, this.#end * STRIDE);
    this.#end = this.#start + from;
    let bytes = before;
    for (const run of moved) {
      this.#push(run.offset, run.group, run.entry, bytes);
      bytes += run.bytes;
    }
    for (let at = 0; at < tail.length; at += STRIDE) {
      this.#push(tail[at] as number, tail[at + GROUP] as number, tail[at + ENTRY] as number, tail[at + BEFORE] as number);
    }
  }

  /** Room at the front is used again before more is taken. */
  #makeRoom(): void {
    const capacity = this.#numbers.length / STRIDE;
    if (this.length * 2 < capacity) this.#moveTo(capacity);
    else this.#moveTo(Math.max(ENTRIES_FIRST, this.length * 2));
  }

  /** Moves the entries to the front of an array for so many. */
  #moveTo(capacity: number): void {
    const { length } = this;
    const filled = this.#numbers.subarray(this.#start * STRIDE, this.#end * STRIDE);
    if (capacity * STRIDE === this.#numbers.length) this.#numbers.copyWithin(0, this.#start * STRIDE, this.#end * STRIDE);
    else {
      const numbers = capacity === 0 ? NOTHING : new Float64Array(capacity * STRIDE);
      numbers.set(filled);
      this.#budget.bytes += (numbers.length - this.#numbers.length) * (ENTRY_BYTES / STRIDE);
      this.#numbers = numbers;
    }
    this.#start = 0;
    this.#end = length;
  }

  /** The partition is not here any more: its part of the budget is free. */
  dispose(): void {
    this.#start = 0;
    this.#end = 0;
    this.#moveTo(0);
  }
}
