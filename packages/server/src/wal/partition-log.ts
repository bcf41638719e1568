import { assert, must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import type { RecordSlices } from "../model/record-slices.ts";
import { BaseAppend } from "./base-writer.ts";
import { type ColdReader, corruptRecord } from "./cold-reader.ts";
import type { ControlEntries } from "./control-entries.ts";
import { EntryKind, INSTALLED_FLAG } from "./group-codec.ts";
import type { HotReader } from "./hot-reader.ts";
import type { HeaderVisitor, PartitionLog, WalPartition } from "./wal-partition.ts";
import type { WalWriter } from "./wal-writer.ts";

/** Bytes of batches that are not uploaded, over all partitions. */
export type LiveBytes = {
  total: number;
  /** Bytes that the log had written when an upload of any partition was committed last. */
  uploadedAt: number;
};

/** What partitions ask of the log, brought to the writer and the readers. */
export class WalPartitionLog implements PartitionLog {
  readonly #writer: WalWriter;
  readonly #hot: HotReader;
  readonly #cold: ColdReader;
  readonly #controls: ControlEntries;
  readonly #live: LiveBytes;
  readonly #baseChunkBytes: number;
  readonly #uploaded: () => void;
  readonly #damaged: (p: WalPartition) => void;

  /** @param uploaded Told when the uploaded end of any partition moved: files may have become free. */
  constructor(
    writer: WalWriter,
    hot: HotReader,
    cold: ColdReader,
    controls: ControlEntries,
    live: LiveBytes,
    baseChunkBytes: number,
    uploaded: () => void,
    damaged: (p: WalPartition) => void,
  ) {
    this.#writer = writer;
    this.#hot = hot;
    this.#cold = cold;
    this.#controls = controls;
    this.#live = live;
    this.#baseChunkBytes = baseChunkBytes;
    this.#uploaded = uploaded;
    this.#damaged = damaged;
  }

  append(p: WalPartition, bytes: Uint8Array, start: number, length: number, baseOffset: number, epoch: number, timeMs: number): void {
    assert(baseOffset === p.logEnd, "a batch is appended at the end");
    if (epoch > p.leaderEpoch) p.leaderEpoch = epoch;
    p.appendTimeMs = timeMs;
    p.liveBytes += length;
    this.#live.total += length;
    this.#writer.append(p, bytes, start, length, baseOffset, epoch, timeMs);
  }

  truncate(p: WalPartition, offset: number, leaderEpoch: number): void {
    assert(offset >= p.uploadedEnd && offset <= p.logEnd, `truncation to ${offset} is outside [${p.uploadedEnd}, ${p.logEnd}]`);
    p.cutAt(offset);
    this.#setLive(p, p.index.bytesFrom(p.uploadedEnd));
    this.#control(p, EntryKind.truncate, offset, leaderEpoch);
  }

  startEpoch(p: WalPartition, leaderEpoch: number): void {
    p.leaderEpoch = Math.max(p.leaderEpoch, leaderEpoch);
    this.#control(p, EntryKind.epoch, p.logEnd, leaderEpoch);
  }

  installBase(p: WalPartition, offset: number, bytes: Uint8Array): void {
    this.forget(p);
    p.cutAt(p.firstOffset);
    p.index.clear();
    p.logEnd = offset;
    p.durableEnd = Math.min(p.durableEnd, offset);
    p.setHoles([]);
    p.unreadable = undefined;
    const base = new BaseAppend(this.#writer, p, offset, bytes, INSTALLED_FLAG, this.#baseChunkBytes);
    while (!base.next());
    // No batch may follow for long, and what lies below the base is waited for.
    this.#writer.touch(p, must(this.#writer.assembly.open, "the group of a base"));
  }

  writeBase(p: WalPartition, bytes: Uint8Array): void {
    const base = new BaseAppend(this.#writer, p, p.uploadedEnd, bytes, 0, this.#baseChunkBytes);
    while (!base.next());
  }

  /** Everything of the partition that is in the log so far is dead. */
  forget(p: WalPartition): void {
    this.#setLive(p, 0);
    this.#control(p, EntryKind.forget, 0, 0);
  }

  #control(p: WalPartition, kind: number, offset: number, epoch: number): void {
    const at = this.#writer.control(p, p.id, kind, { offset, epoch });
    const order = { number: at.number, index: at.entry };
    this.#controls.add({ kind, partition: p.id, group: at.group, order, offset, second: 0, third: 0, epoch });
  }

  #setLive(p: WalPartition, bytes: number): void {
    const live = Math.min(p.liveBytes, bytes);
    this.#live.total += live - p.liveBytes;
    p.liveBytes = live;
  }

  uploadedEndMoved(p: WalPartition): void {
    this.#setLive(p, p.uploadedEnd >= p.logEnd ? 0 : p.index.bytesFrom(p.uploadedEnd));
    p.uploadedAt = this.#writer.counters.bytesWritten;
    this.#live.uploadedAt = p.uploadedAt;
    this.#uploaded();
  }

  damaged(p: WalPartition): void {
    this.#damaged(p);
  }

  read(p: WalPartition, offset: number, endOffset: number, bytesMax: number, atLeastOne: boolean): RecordSlices | Promise<RecordSlices> {
    return this.#read(p, p.behindAccepted(offset), endOffset, bytesMax, atLeastOne, true);
  }

  readForUpload(p: WalPartition, offset: number, endOffset: number, bytesMax: number): RecordSlices | Promise<RecordSlices> {
    return this.#read(p, p.behindAccepted(offset), endOffset, bytesMax, true, false);
  }

  /** @param copies Small results are copied and hold no memory of the log. */
  #read(
    p: WalPartition,
    offset: number,
    endOffset: number,
    bytesMax: number,
    atLeastOne: boolean,
    copies: boolean,
  ): RecordSlices | Promise<RecordSlices> {
    const end = this.#readableEnd(p, offset, endOffset);
    if (offset >= end) return nothingFrom(offset);
    return this.#hot.read(p, offset, end, bytesMax, atLeastOne, copies) ?? this.#cold.read(p, offset, end, bytesMax, atLeastOne);
  }

  /** Where a read from `offset` has to stop: durable end, next hole, next loss that is passed over. */
  #readableEnd(p: WalPartition, offset: number, endOffset: number): number {
    const hole = p.holeAt(offset);
    if (hole !== undefined && hole.from <= offset) throw corruptRecord(p.id, hole.from, hole.to, "they were lost from the WAL", undefined);
    if (offset < p.firstOffset)
      throw new QueueError("OFFSET_OUT_OF_RANGE", `offset is not in the WAL. requested=${offset} first=${p.firstOffset}`);
    const end = Math.min(endOffset, p.durableEnd, p.nextAccepted(offset));
    return hole === undefined ? end : Math.min(end, hole.from);
  }

  scanHeaders(p: WalPartition, from: number, to: number, visit: HeaderVisitor): void | Promise<void> {
    const end = Math.min(to, p.durableEnd);
    const start = Math.max(from, p.firstOffset);
    if (start >= end) return;
    const reached = this.#hot.scan(p, start, end, visit);
    if (reached !== -1 && reached < end) return this.#cold.scan(p, reached, end, visit);
  }
}

function nothingFrom(offset: number): RecordSlices {
  return { pieces: [], bytes: 0, nextOffset: offset, hold: undefined };
}
