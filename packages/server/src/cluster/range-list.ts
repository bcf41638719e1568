import { assert, must } from "../base/assert.ts";
import { type ObjectId, sameObjectId } from "../model/object-id.ts";
import { type ObjectRange, UNMERGED_RANGES_MAX } from "../model/object-range.ts";

/** One object that ranges of the index lie in. Counted, so that the last range to go names it as unreferenced. */
export type ObjectState = {
  /** Given by the state machine in order of first commit, never reused: what snapshots call the object. */
  readonly number: number;
  readonly id: ObjectId;
  readonly objectBytes: number;
  ranges: number;
  /** Number of the last snapshot that holds it or is older than it. */
  savedIn: number;
};

const KINDS = ["data", "hole", "gap"] as const;

const START = 0;
const END = 1;
const KIND = 2;
const LEADER_EPOCH = 3;
const MAX_TIMESTAMP = 4;
const POSITION = 5;
const DATA_BYTES = 6;
const INDEX_BYTES = 7;
const INDEX_CRC = 8;
const COLUMNS = 9;

/** Of every partition without ranges: an array of its own would take more than the rest of the list. */
const NO_NUMBERS = new Float64Array(0);

/**
 * The unmerged ranges of one partition, ascending and without overlap (there may be gaps). Nine numbers a range in one
 * array, since a cluster has millions of ranges; `ObjectRange` objects are made only when somebody asks.
 */
export class RangeList {
  readonly partitionId: number;
  #numbers = NO_NUMBERS;
  #objects: (ObjectState | undefined)[] = [];

  constructor(partitionId: number) {
    this.partitionId = partitionId;
  }

  get count(): number {
    return this.#objects.length;
  }

  /** Of all ranges together. */
  get dataBytes(): number {
    let bytes = 0;
    for (let at = 0; at < this.count; at++) bytes += this.dataBytesAt(at);
    return bytes;
  }

  startOffset(at: number): number {
    return this.#number(at, START);
  }

  /** Exclusive. */
  endOffset(at: number): number {
    return this.#number(at, END);
  }

  dataBytesAt(at: number): number {
    return this.#number(at, DATA_BYTES);
  }

  /** What decides about a range's age and size, without its object. */
  spanAt(at: number): Readonly<{ startOffset: number; endOffset: number; maxTimestampMs: number; dataBytes: number }> {
    const maxTimestampMs = this.#number(at, MAX_TIMESTAMP);
    return { startOffset: this.startOffset(at), endOffset: this.endOffset(at), maxTimestampMs, dataBytes: this.dataBytesAt(at) };
  }

  objectAt(at: number): ObjectState | undefined {
    return this.#objects[at];
  }

  at(at: number): ObjectRange {
    const object = this.#objects[at];
    return {
      partitionId: this.partitionId,
      startOffset: this.#number(at, START),
      endOffset: this.#number(at, END),
      leaderEpoch: this.#number(at, LEADER_EPOCH),
      maxTimestampMs: this.#number(at, MAX_TIMESTAMP),
      kind: must(KINDS[this.#number(at, KIND)], "kind of a range"),
      object: object?.id,
      objectBytes: object?.objectBytes ?? 0,
      position: this.#number(at, POSITION),
      dataBytes: this.#number(at, DATA_BYTES),
      indexBytes: this.#number(at, INDEX_BYTES),
      indexCrc: this.#number(at, INDEX_CRC),
    };
  }

  all(): ObjectRange[] {
    return this.#objects.map((_, at) => this.at(at));
  }

  /** Index of the first range that ends above the offset: the one that contains it, or the next one behind a gap. */
  indexOf(offset: number): number {
    let low = 0;
    for (let high = this.count; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.endOffset(middle) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Whether exactly this range was committed. A hole that became a gap since is still the same. */
  has(range: ObjectRange): boolean {
    const at = this.indexOf(range.startOffset);
    if (at === this.count || this.startOffset(at) !== range.startOffset || this.endOffset(at) !== range.endOffset) return false;
    const id = this.#objects[at]?.id;
    if (id === undefined || range.object === undefined) return id === range.object;
    return sameObjectId(id, range.object) && this.#number(at, POSITION) === range.position;
  }

  /** Room for so many in all, when that is known before. */
  reserve(count: number): void {
    if (count * COLUMNS > this.#numbers.length) this.#resize(count);
  }

  append(range: ObjectRange, object: ObjectState | undefined): void {
    const at = this.count;
    assert(this !== NO_RANGES, "the index of the partition is kept");
    assert(at < UNMERGED_RANGES_MAX, "a partition's ranges are merged into a manifest before they are too many");
    assert(at === 0 || this.endOffset(at - 1) <= range.startOffset, "ranges are appended in order");
    if ((at + 1) * COLUMNS > this.#numbers.length) this.#resize(Math.min(UNMERGED_RANGES_MAX, Math.max(2, at * 2)));
    this.#objects.push(object);
    const row = at * COLUMNS;
    this.#numbers[row + START] = range.startOffset;
    this.#numbers[row + END] = range.endOffset;
    this.#numbers[row + KIND] = KINDS.indexOf(range.kind);
    this.#numbers[row + LEADER_EPOCH] = range.leaderEpoch;
    this.#numbers[row + MAX_TIMESTAMP] = range.maxTimestampMs;
    this.#numbers[row + POSITION] = range.position;
    this.#numbers[row + DATA_BYTES] = range.dataBytes;
    this.#numbers[row + INDEX_BYTES] = range.indexBytes;
    this.#numbers[row + INDEX_CRC] = range.indexCrc;
  }

  /** A loss that a person accepted: the hole is a gap from now on. */
  turnHoleIntoGap(at: number): void {
    assert(KINDS[this.#number(at, KIND)] === "hole", "only a hole becomes a gap");
    this.#numbers[at * COLUMNS + KIND] = KINDS.indexOf("gap");
  }

  isHole(at: number): boolean {
    return KINDS[this.#number(at, KIND)] === "hole";
  }

  /** Removes the first ranges; gives the objects they lay in, one entry a range. */
  removeFirst(count: number): ObjectState[] {
    assert(count <= this.count, "no more ranges than there are");
    this.#numbers.copyWithin(0, count * COLUMNS, this.count * COLUMNS);
    return this.#objects.splice(0, count).filter((object) => object !== undefined);
  }

  #number(at: number, column: number): number {
    assert(at >= 0 && at < this.count, `range ${at} of ${this.count}`);
    return this.#numbers[at * COLUMNS + column] as number;
  }

  #resize(count: number): void {
    const larger = new Float64Array(count * COLUMNS);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}

/** Of partitions whose index is not kept: nothing is ever added to it. */
export const NO_RANGES = new RangeList(0);
