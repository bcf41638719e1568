import { must } from "../base/assert.ts";
import {
  APPEND_TIME_AT,
  BASE_OFFSET_AT,
  BATCH_EPOCH_AT,
  BODY_CRC_AT,
  CHUNK_AT,
  COPY_FLAG,
  ENTRY_FLAGS_AT,
  EntryKind,
  EPOCH_AT,
  INSTALLED_FLAG,
  KIND_AT,
  LAST_CHUNK_FLAG,
  LAST_DELTA_AT,
  LENGTH_AT,
  MARK_AT,
  OFFSET_AT,
  POSITION_AT,
  readU64,
  SECOND_AT,
  THIRD_AT,
} from "./group-codec.ts";
import { BASE_BYTES_MAX } from "./limits.ts";
import type { OffsetRange } from "./wal-options.ts";
import type { WalPartition } from "./wal-partition.ts";

/** A chunk of a base: its group, and where its body lies from the group's start. */
export type BaseChunk = Readonly<{ group: number; position: number; length: number; crc: number }>;

export type FoundBase = Readonly<{ offset: number; bytes: number; chunks: readonly BaseChunk[] }>;

/** What a replay found out of one partition. */
export type ReplayOutcome = Readonly<{
  base: FoundBase | undefined;
  holes: readonly OffsetRange[];
  foldIncomplete: boolean;
  behind: boolean;
  mark: number;
  markNoted: number;
  /** The log resumes behind a loss that nothing in the log shows yet: an epoch entry has to. */
  resumed: boolean;
}>;

/** Replays the entries of one partition in their order, into its index and its numbers. */
export class PartitionReplay {
  readonly partition: WalPartition;
  /** Where the log ends; undefined: nothing said so yet. */
  #end: number | undefined;
  /** The lowest offset of which all up to the end, but the gaps, is here. */
  #first = 0;
  #gaps: OffsetRange[] = [];
  /** Offsets that lost groups can have held, as far as later entries have shown that none was of this partition. */
  #lossSeen = 0;
  #base: FoundBase | undefined;
  #chunks: BaseChunk[] = [];
  #chunkBytes = 0;
  #mark = 0;

  constructor(partition: WalPartition) {
    this.partition = partition;
  }

  /**
   * @param group Address of the group; `number` its number, `index` the entry's index in its directory.
   * @param loss Offsets that all groups lost so far can have held.
   */
  entry(view: DataView, at: number, group: number, number: number, index: number, loss: number): void {
    switch (view.getUint8(at + KIND_AT)) {
      case EntryKind.append:
        this.#append(view, at, group, number, index);
        break;
      case EntryKind.truncate:
        this.#epoch(view.getInt32(at + EPOCH_AT));
        this.#endsAt(readU64(view, at + OFFSET_AT));
        break;
      case EntryKind.epoch:
        this.#epoch(view.getInt32(at + EPOCH_AT));
        this.#endsAt(readU64(view, at + OFFSET_AT));
        break;
      case EntryKind.base:
        this.#epoch(view.getInt32(at + EPOCH_AT));
        this.#baseChunk(view, at, group);
        break;
      case EntryKind.forget:
        this.#forget();
        break;
      default:
        return;
    }
    if (view.getUint8(at + KIND_AT) !== EntryKind.append) this.partition.continues = false;
    this.#lossSeen = loss;
  }

  /** A copy, whose place in the order is elsewhere: but in its directory it stands between the batches before and behind it. */
  copyBetween(): void {
    this.partition.continues = false;
  }

  #epoch(epoch: number): void {
    this.partition.leaderEpoch = Math.max(this.partition.leaderEpoch, epoch);
  }

  #append(view: DataView, at: number, group: number, number: number, index: number): void {
    const p = this.partition;
    const base = readU64(view, at + BASE_OFFSET_AT);
    const isCopy = (view.getUint8(at + ENTRY_FLAGS_AT) & COPY_FLAG) !== 0;
    const continues = !isCopy && p.openGroup === number && p.continues && this.#end === base;
    this.#endsAt(base);
    p.index.append(base, group, index, view.getUint32(at + LENGTH_AT), !continues);
    this.#end = base + view.getInt32(at + LAST_DELTA_AT) + 1;
    this.#epoch(view.getInt32(at + BATCH_EPOCH_AT));
    if (!isCopy) this.#mark = Math.max(this.#mark, readU64(view, at + MARK_AT));
    p.appendTimeMs = Math.max(p.appendTimeMs, readU64(view, at + APPEND_TIME_AT));
    if (isCopy) p.hasCopies = true;
    p.openGroup = number;
    p.continues = !isCopy;
  }

  /** The log ended at `offset` then: what is missing below is lost, what is above is superseded. */
  #endsAt(offset: number): void {
    const end = this.#end;
    if (end === undefined) this.#first = offset;
    else if (offset > end) this.#gaps.push({ from: end, to: offset });
    else if (offset < end) this.#cut(offset);
    this.#end = offset;
  }

  #cut(offset: number): void {
    this.partition.index.truncate(offset);
    this.#first = Math.min(this.#first, offset);
    this.#gaps = this.#gaps.filter((gap) => gap.from < offset).map((gap) => ({ from: gap.from, to: Math.min(gap.to, offset) }));
  }

  #baseChunk(view: DataView, at: number, group: number): void {
    const flags = view.getUint8(at + ENTRY_FLAGS_AT);
    const chunk = view.getUint32(at + CHUNK_AT);
    const total = readU64(view, at + THIRD_AT);
    if ((flags & INSTALLED_FLAG) !== 0 && chunk === 0) this.#forget();
    if (chunk === 0) this.#dropChunks();
    this.#endsAt(this.#end === undefined || readU64(view, at + SECOND_AT) > this.#end ? readU64(view, at + SECOND_AT) : this.#end);
    if (chunk !== this.#chunks.length || total > BASE_BYTES_MAX) return this.#dropChunks();
    const length = view.getUint32(at + LENGTH_AT);
    this.#chunks.push({ group, position: view.getUint32(at + POSITION_AT), length, crc: view.getUint32(at + BODY_CRC_AT) });
    this.#chunkBytes += length;
    if ((flags & LAST_CHUNK_FLAG) === 0) return;
    if (this.#chunkBytes === total) this.#base = { offset: readU64(view, at + OFFSET_AT), bytes: total, chunks: this.#chunks };
    this.#dropChunks();
  }

  #dropChunks(): void {
    this.#chunks = [];
    this.#chunkBytes = 0;
  }

  #forget(): void {
    this.partition.index.truncate(0);
    this.partition.index.clear();
    this.#end = undefined;
    this.#first = 0;
    this.#gaps = [];
    this.#base = undefined;
    this.#mark = 0;
  }

  /** All entries are replayed. @param loss Offsets that all lost groups together can have held. */
  finish(loss: number): ReplayOutcome {
    const p = this.partition;
    const { uploadedEnd } = p;
    // What came behind the last entry that is here may be lost, and may have had all of these offsets.
    const lossEnd = loss > this.#lossSeen ? (this.#end ?? uploadedEnd) + loss - this.#lossSeen : 0;
    const behind = (this.#end ?? 0) < uploadedEnd;
    if (this.#end === undefined || behind) this.#restartAt(uploadedEnd);
    const resumed = lossEnd > must(this.#end, "the end of the log");
    if (resumed) this.#endsAt(lossEnd);
    const end = must(this.#end, "the end of the log");
    if (this.#first > uploadedEnd) this.#gaps.unshift({ from: uploadedEnd, to: this.#first });
    p.logEnd = end;
    p.durableEnd = end;
    const base = behind ? undefined : this.#base;
    const foldIncomplete = !this.#joins(base, end);
    this.#dropBelowGaps();
    p.setHoles(this.#gaps);
    p.liveBytes = end > uploadedEnd && p.index.length > 0 ? p.index.bytesFrom(uploadedEnd) : 0;
    p.mark = Math.min(end, Math.max(uploadedEnd, this.#mark));
    return {
      base,
      holes: p.holes,
      foldIncomplete,
      behind,
      mark: p.mark,
      markNoted: Math.max(this.#mark, this.#base?.offset ?? 0),
      resumed,
    };
  }

  /** Nothing here is of use: the log goes on where uploads ended. */
  #restartAt(offset: number): void {
    this.partition.index.clear();
    this.#end = offset;
    this.#first = offset;
    this.#gaps = [];
  }

  /** Whether a fold can be made of the base and every batch from it on. */
  #joins(base: FoundBase | undefined, end: number): boolean {
    const from = base?.offset ?? 0;
    if (from > end) return false;
    if (from < end && this.#first > from) return false;
    return !this.#gaps.some((gap) => gap.to > from);
  }

  /** Only what joins on up to the end can be read here: below a gap that was uploaded, object storage has it. */
  #dropBelowGaps(): void {
    const { index, uploadedEnd } = this.partition;
    const last = this.#gaps.filter((gap) => gap.from < uploadedEnd).at(-1);
    if (last === undefined) return;
    let count = 0;
    while (count < index.length && index.offset(count) < last.to) count += 1;
    if (count > 0) index.dropFront(count);
  }
}
