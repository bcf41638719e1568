import type { RecordSlices } from "../model/record-slices.ts";
import { HeaderIndex, type IndexBudget } from "./header-index.ts";
import type { OffsetRange } from "./wal-options.ts";

/** What a partition needs of its log. */
export interface PartitionLog {
  append(
    partition: WalPartition,
    bytes: Uint8Array,
    start: number,
    length: number,
    baseOffset: number,
    epoch: number,
    timeMs: number,
  ): void;
  truncate(partition: WalPartition, offset: number, leaderEpoch: number): void;
  startEpoch(partition: WalPartition, leaderEpoch: number): void;
  installBase(partition: WalPartition, offset: number, bytes: Uint8Array): void;
  writeBase(partition: WalPartition, bytes: Uint8Array): void;
  read(
    partition: WalPartition,
    offset: number,
    endOffset: number,
    bytesMax: number,
    atLeastOne: boolean,
  ): RecordSlices | Promise<RecordSlices>;
  readForUpload(partition: WalPartition, offset: number, endOffset: number, bytesMax: number): RecordSlices | Promise<RecordSlices>;
  scanHeaders(partition: WalPartition, from: number, to: number, visit: HeaderVisitor): void | Promise<void>;
  uploadedEndMoved(partition: WalPartition): void;
  damaged(partition: WalPartition): void;
}

/**
 * One batch: `header` is its 61-byte header as stored (valid only inside the call), `position` an address that grows
 * with time, `appendTimeMs` the leader's. Return false to stop.
 */
export type HeaderVisitor = (header: Uint8Array, position: number, appendTimeMs: number) => boolean | undefined | void;

/** Where the newest base of a partition lies: addresses of the groups with its first and last chunk. */
export type BasePlace = Readonly<{ offset: number; firstGroup: number; lastGroup: number; bytes: number }>;

/** One partition's part of the log. Offsets are exclusive ends unless they say otherwise. */
export class WalPartition {
  readonly id: number;
  /** Bytes of batches at or above `uploadedEnd`, roughly (never too few). */
  liveBytes = 0;
  /** The partition layer's object. */
  owner: unknown = undefined;
  /** The next offset to append. */
  logEnd: number;
  /** Everything below is durable here. */
  durableEnd: number;
  logStart: number;
  /** Set by the owner when it moves: goes into append entries, comes back as `RecoveredPartition.mark`. */
  mark: number;
  /** Newest epoch of any entry; −1: none. */
  leaderEpoch = -1;

  /** Append time of the newest batch; −1: none. */
  appendTimeMs = -1;

  /** Counts how often it was cut, or begun anew: a read meanwhile gives nothing, also of what is left. */
  truncations = 0;

  /* For the files of this folder only. */
  readonly index: HeaderIndex;
  base: BasePlace | undefined = undefined;
  /** Counts bases that were begun. */
  baseSerial = 0;
  /** The log began here, with an empty fold, when there is no base. */
  origin: number;
  /** Group and directory index of the newest entry. */
  openGroup = 0;
  openEntry = 0;
  /** The newest entry is an append that ends at `logEnd`. */
  continues = false;
  touchedGroup = 0;
  touchedAt = 0;
  /** Lowest end since every group was durable that knew nothing of a truncation. */
  truncatedTo = Number.MAX_SAFE_INTEGER;
  /** Some batches lie elsewhere than time would have it: addresses in the index do not ascend. */
  hasCopies = false;
  forgotten = false;
  /** Batches of it keep the oldest file from being freed. */
  pinsOldest = false;
  /** Where the disk failed to read last, until it worked there. No hole: it may work again. */
  unreadable: OffsetRange | undefined = undefined;
  /** Bytes that the log had written when an upload of this partition was committed last, or when it came. */
  uploadedAt = 0;
  readonly #log: PartitionLog;
  #uploadedEnd: number;
  #holes: readonly OffsetRange[] = [];
  /** All that is damaged here, uploaded or not. */
  #damaged: readonly OffsetRange[] = [];
  #accepted: readonly OffsetRange[] = [];

  constructor(
    id: number,
    log: PartitionLog,
    budget: IndexBudget,
    start: Readonly<{ logEnd: number; uploadedEnd: number; logStart: number }>,
  ) {
    this.id = id;
    this.#log = log;
    this.index = new HeaderIndex(budget);
    this.logEnd = start.logEnd;
    this.durableEnd = start.logEnd;
    this.mark = start.uploadedEnd;
    this.origin = start.logEnd;
    this.logStart = start.logStart;
    this.#uploadedEnd = start.uploadedEnd;
  }

  /** Lowest offset that can be read here; below it only object storage has records. */
  get firstOffset(): number {
    return this.index.length === 0 ? this.logEnd : this.index.offset(0);
  }

  get uploadedEnd(): number {
    return this.#uploadedEnd;
  }

  /**
   * Ranges lost to damage, ascending, at or above `uploadedEnd`. A read there fails with CORRUPT_RECORD; so it does below
   * `uploadedEnd` where records are damaged here, whatever object storage has of them.
   */
  get holes(): readonly OffsetRange[] {
    return this.#holes;
  }

  /**
   * Copies `bytes[start, start + length)`, exactly one checked batch, into the log, with this base offset and leader epoch.
   * Never fails; the caller has asked `Wal.admit` and assigns offsets densely.
   */
  append(bytes: Uint8Array, start: number, length: number, baseOffset: number, leaderEpoch: number, appendTimeMs: number): void {
    this.#log.append(this, bytes, start, length, baseOffset, leaderEpoch, appendTimeMs);
  }

  /** Takes back everything at and above `offset`, which must be the first offset of a batch. */
  truncate(offset: number, leaderEpoch: number): void {
    this.#log.truncate(this, offset, leaderEpoch);
  }

  /** Notes that a leader epoch begins at the log's end. */
  startEpoch(leaderEpoch: number): void {
    this.#log.startEpoch(this, leaderEpoch);
  }

  /** Everything here is dead; the log goes on at `offset` with this base. */
  installBase(offset: number, bytes: Uint8Array): void {
    this.#log.installBase(this, offset, bytes);
  }

  /** Writes a base at `uploadedEnd`, for a partition whose base was lost: `bytes` come from the object that ends there. */
  writeBase(bytes: Uint8Array): void {
    this.#log.writeBase(this, bytes);
  }

  /**
   * Whole batches from the one that contains `offset`, all below `endOffset`, at most `bytesMax` (but one at least, if
   * `atLeastOne`); fewer when the next ones lie elsewhere. At once when they are in memory.
   *
   * @throws {QueueError} CORRUPT_RECORD for a hole or a failed check at `offset`; OFFSET_OUT_OF_RANGE below `firstOffset`.
   */
  read(offset: number, endOffset: number, bytesMax: number, atLeastOne: boolean): RecordSlices | Promise<RecordSlices> {
    return this.#log.read(this, offset, endOffset, bytesMax, atLeastOne);
  }

  /** Like `read` with one batch at least; may hold its slabs as long as the upload takes. */
  readForUpload(offset: number, endOffset: number, bytesMax: number): RecordSlices | Promise<RecordSlices> {
    return this.#log.readForUpload(this, offset, endOffset, bytesMax);
  }

  /** Visits the headers of the batches that overlap [from, to), ascending. At once when they are in memory. */
  scanHeaders(from: number, to: number, visit: HeaderVisitor): void | Promise<void> {
    return this.#log.scanHeaders(this, from, to, visit);
  }

  /** Batch bytes between two offsets, roughly. */
  bytesBetween(from: number, to: number): number {
    return this.index.bytesBetween(from, to);
  }

  /** The broker has applied the commit: nothing below is needed here. */
  setUploadedEnd(offset: number): void {
    if (offset <= this.#uploadedEnd) return;
    this.#uploadedEnd = offset;
    if (this.#damaged.length > 0) this.setHoles(this.#damaged);
    this.#log.uploadedEndMoved(this);
  }

  setLogStart(offset: number): void {
    this.logStart = Math.max(this.logStart, offset);
  }

  /** A person accepts that these offsets are lost: reads pass over them. The log does not remember: to be told again after a start. */
  acceptLoss(from: number, to: number): void {
    this.#accepted = joinRanges([...this.#accepted, { from, to }]);
    this.setHoles(this.#damaged);
  }

  /** `offset`, or the end of the accepted loss that it lies in. */
  behindAccepted(offset: number): number {
    for (const loss of this.#accepted) if (loss.from <= offset && offset < loss.to) return loss.to;
    return offset;
  }

  /** Where the next accepted loss above `offset` begins. */
  nextAccepted(offset: number): number {
    for (const loss of this.#accepted) if (loss.from > offset) return loss.from;
    return Number.MAX_SAFE_INTEGER;
  }

  /** The first damaged range that ends above `offset`. */
  holeAt(offset: number): OffsetRange | undefined {
    for (const hole of this.#damaged) if (hole.to > offset) return hole;
    return undefined;
  }

  /** Whether none of these offsets can be here: each is damaged, or was given up. */
  isLost(from: number, to: number): boolean {
    return [...this.#damaged, ...this.#accepted].reduce(without, [{ from, to }]).length === 0;
  }

  /** What is uploaded, or accepted as lost, is no hole. */
  setHoles(damaged: readonly OffsetRange[]): void {
    const uploaded = { from: 0, to: this.#uploadedEnd };
    const elsewhere = { from: 0, to: Math.min(this.firstOffset, this.#uploadedEnd) };
    this.#damaged = [elsewhere, ...this.#accepted].reduce(without, damaged);
    this.#holes = without(this.#damaged, uploaded);
  }

  /** A read from `offset` on worked. */
  wasRead(offset: number): void {
    if (this.unreadable !== undefined && this.unreadable.from <= offset && offset < this.unreadable.to) this.unreadable = undefined;
  }

  /** A check of stored bytes failed. */
  addHole(from: number, to: number): void {
    const before = total(this.#holes);
    this.setHoles(joinRanges([...this.#damaged, { from, to }]));
    if (total(this.#holes) > before) this.#log.damaged(this);
  }

  /** A group is durable in which the log ended at `end`; it knew of the first `truncations` truncations. */
  becameDurable(end: number, truncations: number): void {
    if (truncations === this.truncations) {
      this.durableEnd = end;
      this.truncatedTo = Number.MAX_SAFE_INTEGER;
    } else this.durableEnd = Math.max(this.durableEnd, Math.min(end, this.truncatedTo));
  }

  /** The log ends at `offset` from now on. */
  cutAt(offset: number): void {
    this.index.truncate(offset);
    this.logEnd = offset;
    this.durableEnd = Math.min(this.durableEnd, offset);
    this.truncations += 1;
    if (this.#damaged.length > 0) this.setHoles(without(this.#damaged, { from: offset, to: Number.MAX_SAFE_INTEGER }));
    this.truncatedTo = Math.min(this.truncatedTo, offset);
  }
}

/** What is left of the ranges outside of `taken`. */
function without(ranges: readonly OffsetRange[], taken: OffsetRange): readonly OffsetRange[] {
  const left: OffsetRange[] = [];
  for (const { from, to } of ranges) {
    if (from < taken.from) left.push({ from, to: Math.min(to, taken.from) });
    if (to > taken.to) left.push({ from: Math.max(from, taken.to), to });
  }
  return left;
}

function total(ranges: readonly OffsetRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}

/** Ascending, without overlap. */
export function joinRanges(ranges: readonly OffsetRange[]): OffsetRange[] {
  const sorted = [...ranges].sort((a, b) => a.from - b.from);
  const joined: OffsetRange[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && range.from <= last.to) joined[joined.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
    else joined.push(range);
  }
  return joined;
}
