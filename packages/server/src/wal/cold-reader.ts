import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { ATTRIBUTES_AT, batchCrc } from "@tidemq/protocol/record-batch.ts";
import { assert, must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import type { ReadMemory } from "../model/read-memory.ts";
import type { RecordSlices } from "../model/record-slices.ts";
import type { Log } from "../telemetry/log.ts";
import {
  BASE_OFFSET_AT,
  CONTENT_AT,
  CONTENT_BYTES,
  ENTRY_BYTES,
  EntryKind,
  KIND_AT,
  LAST_DELTA_AT,
  LENGTH_AT,
  NEXT_AT,
  POSITION_AT,
  readU64,
} from "./group-codec.ts";
import type { GroupDirectories, GroupDirectory } from "./group-directories.ts";
import { visitRun } from "./hot-reader.ts";
import { COLD_GAP_BYTES_MAX, COLD_GROUPS_MAX, COLD_READ_BYTES_MAX, PIECE_BYTES_MIN } from "./limits.ts";
import { isUnreadable, type LogReads } from "./log-reads.ts";
import type { WalFile } from "./wal-file.ts";
import type { WalFiles } from "./wal-files.ts";
import type { OffsetRange } from "./wal-options.ts";
import type { HeaderVisitor, WalPartition } from "./wal-partition.ts";

/** One index entry, as it was when the read began: when the log had been cut, or begun anew, so often. */
export type Run = Readonly<{ offset: number; runEnd: number; group: number; entry: number; file: WalFile; truncations: number }>;

/** One batch to be read: where it lies, and its directory entry to prove it by. */
type StoredBatch = Readonly<{ file: WalFile; address: number; length: number; base: number; end: number; directory: Buffer; at: number }>;

/** A batch read for copying, and its directory entry. */
export type ProvenBatch = Readonly<{ base: number; end: number; bytes: Buffer; directory: GroupDirectory; at: number }>;

/** Bytes of batches, of the first ones only when the disk failed at the next. */
type ReadPieces = Readonly<{ pieces: Buffer[]; failure: QueueError | undefined }>;

const copyBytes = Buffer.prototype.copy;

export type ColdCounters = { reads: number; bytes: number; damaged: number };

/** Reads batches from WAL files. Every batch is compared with its directory entry and hashed before anybody sees it. */
export class ColdReader {
  readonly counters: ColdCounters = { reads: 0, bytes: 0, damaged: 0 };
  readonly #files: WalFiles;
  readonly #directories: GroupDirectories;
  readonly #memory: ReadMemory;
  readonly #log: Log;
  readonly #reads: LogReads;

  constructor(files: WalFiles, directories: GroupDirectories, memory: ReadMemory, log: Log, reads: LogReads) {
    this.#files = files;
    this.#reads = reads;
    this.#directories = directories;
    this.#memory = memory;
    this.#log = log;
  }

  /**
   * @throws {QueueError} CORRUPT_RECORD when the batch at `offset` fails a check; it is then a hole of the partition. WAL_UNREADABLE
   * when the disk does not give it.
   */
  async read(p: WalPartition, offset: number, endOffset: number, bytesMax: number, atLeastOne: boolean): Promise<RecordSlices> {
    const { truncations } = p;
    const runs = this.#plan(p, offset, endOffset, bytesMax);
    const memory: Buffer[] = [];
    const hold = this.#memory.hold(memory);
    try {
      const batches = await this.#locate(p, runs, offset, endOffset, bytesMax, atLeastOne);
      const { pieces, failure } = await this.#readBatches(batches, (bytes) => this.#taken(bytes, memory));
      if (failure !== undefined && pieces.length === 0)
        throw this.#failed(p, failure, batches[0]?.base ?? offset, batches[0]?.end ?? offset);
      p.wasRead(offset);
      const slices = this.#joined(this.#proven(p, truncations, offset, batches, pieces), memory);
      // What was read may have been truncated meanwhile: then it is none of the log.
      if (truncations === p.truncations && slices.bytes > 0) return { ...slices, hold };
      hold.release();
      return { pieces: [], bytes: 0, nextOffset: offset, hold: undefined };
    } catch (error) {
      hold.release();
      throw error;
    } finally {
      for (const run of runs) run.file.readerLeft();
    }
  }

  #taken(bytes: number, memory: Buffer[]): Buffer {
    const taken = this.#memory.take(bytes);
    memory.push(taken);
    return taken.subarray(0, bytes);
  }

  /** Many small pieces are cheaper to copy than to send one by one. */
  #joined(slices: RecordSlices, memory: Buffer[]): RecordSlices {
    const { pieces, bytes } = slices;
    if (pieces.length < 2 || bytes >= pieces.length * PIECE_BYTES_MIN) return slices;
    const all = this.#taken(bytes, memory);
    let at = 0;
    for (const piece of pieces) at += copyBytes.call(piece, all, at);
    return { ...slices, pieces: [all] };
  }

  /** Index entries from `offset` on, worth `bytesMax`; their files stay until the read is over. */
  #plan(p: WalPartition, offset: number, endOffset: number, bytesMax: number): Run[] {
    const { index } = p;
    const first = Math.max(0, index.floor(offset));
    const runs: Run[] = [];
    for (let i = first; i < index.length && index.offset(i) < endOffset && runs.length < COLD_GROUPS_MAX; i++) {
      if (i > first && index.bytesBefore(i) - index.bytesBefore(first + 1) > bytesMax) break;
      const file = must(this.#files.at(index.group(i)), "the file of batches that the index leads to");
      file.readerEntered();
      runs.push(runAt(p, i, file));
    }
    return runs;
  }

  async #locate(
    p: WalPartition,
    runs: readonly Run[],
    offset: number,
    endOffset: number,
    bytesMax: number,
    atLeastOne: boolean,
  ): Promise<StoredBatch[]> {
    const batches: StoredBatch[] = [];
    let bytes = 0;
    const directories = await Promise.all(runs.map((run) => this.#directories.get(run.group, run.file).catch(asError)));
    for (const [i, run] of runs.entries()) {
      const directory = directories[i] as GroupDirectory | Error;
      // An unreadable directory is damage of all its batches, unless there is something to return without it.
      if (directory instanceof Error && batches.length > 0) break;
      if (directory instanceof Error) throw this.#unreadable(p, run, directory);
      for (const batch of batchesOf(run, directory)) {
        if (batch.end <= offset) continue;
        const tooMuch = bytes + batch.length > Math.min(bytesMax, COLD_READ_BYTES_MAX);
        if (batch.end > endOffset || (tooMuch && (bytes > 0 || !atLeastOne))) return batches;
        batches.push(batch);
        bytes += batch.length;
      }
      assert((batches.at(-1)?.end ?? offset) >= Math.min(run.runEnd, endOffset), "batches of a run follow one another");
    }
    return batches;
  }

  #unreadable(p: WalPartition, run: Run, error: unknown): unknown {
    if (!(error instanceof QueueError)) return error;
    const first = p.index.floor(run.runEnd - 1);
    const from = first < 0 ? p.firstOffset : p.index.offset(first);
    if (isUnreadable(error)) return this.#failed(p, error, from, run.runEnd);
    return this.#damaged(p, run.truncations, { from, to: run.runEnd }, "its group in the WAL is not right", error);
  }

  /**
   * All batches of a run that end above `from`, for copying; those that fail a check become holes and are left out. The
   * caller keeps the file.
   * @throws {QueueError} WAL_UNREADABLE
   */
  async readRun(p: WalPartition, run: Run, from: number): Promise<readonly ProvenBatch[]> {
    const directory = await this.#directories.get(run.group, run.file).catch((error: unknown) => this.#runIsDamaged(p, run, error));
    if (directory === undefined) return [];
    const chain = [...batchesOf(run, directory)];
    const end = chain.at(-1)?.end ?? run.offset;
    const isWhole = end >= run.runEnd || p.isLost(end, run.runEnd) || run.truncations !== p.truncations;
    assert(isWhole, "batches of a run follow one another");
    const batches = chain.filter((batch) => batch.end > from);
    const { pieces, failure } = await this.#readBatches(batches, (bytes) => Buffer.allocUnsafeSlow(bytes));
    if (failure !== undefined) throw failure;
    const proven: ProvenBatch[] = [];
    for (const [i, batch] of batches.entries()) {
      const bytes = pieces[i] as Buffer;
      if (isBatchProven(bytes, batch.directory, batch.at))
        proven.push({ base: batch.base, end: batch.end, bytes, directory, at: batch.at });
      else this.#damaged(p, run.truncations, { from: batch.base, to: batch.end }, "", undefined);
    }
    return proven;
  }

  #runIsDamaged(p: WalPartition, run: Run, error: unknown): undefined {
    const reason = this.#unreadable(p, run, error);
    if (!(reason instanceof QueueError) || isUnreadable(reason)) throw reason;
    return undefined;
  }

  /**
   * Into one piece of memory, batch behind batch, with what lies between those that are read in one go. Where the disk fails they end
   * early, with the failure.
   */
  async #readBatches(batches: readonly StoredBatch[], take: (bytes: number) => Buffer): Promise<ReadPieces> {
    const pieces: Buffer[] = [];
    if (batches.length === 0) return { pieces, failure: undefined };
    const reads = readsOf(batches);
    const memory = take(reads.reduce((sum, { bytes }) => sum + bytes, 0));
    let at = 0;
    const targets = reads.map(({ bytes }) => memory.subarray(at, (at += bytes)));
    const counts = await Promise.all(reads.map(({ from }, n) => this.#readTo(targets[n] as Buffer, batches[from] as StoredBatch)));
    for (const [n, { from, to }] of reads.entries()) {
      const target = targets[n] as Buffer;
      const count = counts[n] as number | QueueError;
      if (count instanceof QueueError) return { pieces, failure: count };
      for (let i = from; i < to; i++) {
        const batch = batches[i] as StoredBatch;
        const start = batch.address - (batches[from] as StoredBatch).address;
        // Bytes behind the end of the file fail the comparison with the directory.
        pieces.push(target.subarray(Math.min(start, count), Math.min(start + batch.length, count)));
      }
    }
    return { pieces, failure: undefined };
  }

  /** From the batch on. Never rejects because of the disk: nobody may give the memory back while others still read into it. */
  async #readTo(target: Buffer, first: StoredBatch): Promise<number | QueueError> {
    this.counters.reads += 1;
    try {
      const count = await this.#reads.read(first.file, this.#files.positionOf(first.address), target);
      this.counters.bytes += count;
      return count;
    } catch (error) {
      if (isUnreadable(error)) return error;
      throw error;
    }
  }

  /** What may be served: up to the first batch that fails a check. */
  #proven(p: WalPartition, truncations: number, offset: number, batches: readonly StoredBatch[], pieces: readonly Buffer[]): RecordSlices {
    let bytes = 0;
    let nextOffset = offset;
    for (const [i, piece] of pieces.entries()) {
      const batch = batches[i] as StoredBatch;
      if (!isBatchProven(piece, batch.directory, batch.at)) {
        const error = this.#damaged(
          p,
          truncations,
          { from: batch.base, to: batch.end },
          "its bytes in the WAL fail their checksum",
          undefined,
        );
        if (i === 0) throw error;
        return { pieces: pieces.slice(0, i), bytes, nextOffset, hold: undefined };
      }
      bytes += piece.byteLength;
      nextOffset = batch.end;
    }
    return { pieces, bytes, nextOffset, hold: undefined };
  }

  #failed(p: WalPartition, error: QueueError, from: number, to: number): QueueError {
    p.unreadable = { from, to };
    return error;
  }

  /** @param truncations When the read began. What was cut off since, or what a log had that began anew since, is missed by nobody. */
  #damaged(p: WalPartition, truncations: number, { from, to }: OffsetRange, what: string, cause: unknown): QueueError {
    this.counters.damaged += 1;
    if (truncations === p.truncations) p.addHole(from, to);
    this.#log.error("damaged records in the WAL", { partition: p.id, from, to });
    return corruptRecord(p.id, from, to, what, cause);
  }

  /**
   * Goes on where `HotReader.scan` stopped.
   * @throws {QueueError} CORRUPT_RECORD when a group is not right any more; its batches of this run are then a hole of the partition.
   */
  async scan(p: WalPartition, from: number, to: number, visit: HeaderVisitor): Promise<void> {
    let next = from;
    while (next < to) {
      const i = Math.max(0, p.index.floor(next));
      if (i >= p.index.length) return;
      const group = p.index.group(i);
      const file = must(this.#files.at(group), "the file of batches that the index leads to");
      file.readerEntered();
      try {
        const run = runAt(p, i, file);
        const { bytes, view } = await this.#directories
          .get(group, file)
          .catch((error: unknown) => Promise.reject(this.#unreadable(p, run, error)));
        const now = Math.max(0, p.index.floor(next));
        if (p.index.length === 0 || p.index.group(now) !== group) continue; // moved meanwhile
        const reached = visitRun(bytes, view, 0, group, p, now, next, to, visit);
        if (reached === -1) return;
        next = reached;
      } finally {
        file.readerLeft();
      }
    }
  }
}

/** Entry `i` of the index. */
export function runAt(p: WalPartition, i: number, file: WalFile): Run {
  const { index, truncations } = p;
  return { offset: index.offset(i), runEnd: index.runEnd(i, p.logEnd), group: index.group(i), entry: index.entry(i), file, truncations };
}

function* batchesOf(run: Run, directory: GroupDirectory): Generator<StoredBatch> {
  const { view, bytes } = directory;
  let entry = run.entry + 1;
  let expected = run.offset;
  while (entry !== 0) {
    const at = (entry - 1) * ENTRY_BYTES;
    const base = readU64(view, at + BASE_OFFSET_AT);
    if (view.getUint8(at + KIND_AT) !== EntryKind.append || base !== expected || base >= run.runEnd) return;
    const end = base + view.getInt32(at + LAST_DELTA_AT) + 1;
    expected = end;
    yield {
      file: run.file,
      address: run.group + view.getUint32(at + POSITION_AT),
      length: view.getUint32(at + LENGTH_AT),
      base,
      end,
      directory: bytes,
      at,
    };
    entry = view.getUint16(at + NEXT_AT);
  }
}

function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  throw error;
}

/** Batches [from, to) are worth one read of so many bytes. */
type JointRead = Readonly<{ from: number; to: number; bytes: number }>;

function readsOf(batches: readonly StoredBatch[]): JointRead[] {
  const reads: JointRead[] = [];
  for (let from = 0, to = 0; from < batches.length; from = to) {
    for (to = from + 1; to < batches.length && areNear(batches[to - 1] as StoredBatch, batches[to] as StoredBatch); ) to += 1;
    const last = batches[to - 1] as StoredBatch;
    reads.push({ from, to, bytes: last.address + last.length - (batches[from] as StoredBatch).address });
  }
  return reads;
}

function areNear(before: StoredBatch, batch: StoredBatch): boolean {
  const gap = batch.address - (before.address + before.length);
  return batch.file === before.file && gap >= 0 && gap <= COLD_GAP_BYTES_MAX;
}

/** Whether these bytes are the batch that the entry at `at` of a checked directory stands for: header equal, checksum right. */
export function isBatchProven(bytes: Buffer, directory: Buffer, at: number): boolean {
  if (bytes.byteLength < CONTENT_BYTES) return false;
  const from = at + CONTENT_AT;
  if (bytes.compare(directory, from, from + CONTENT_BYTES, 0, CONTENT_BYTES) !== 0) return false;
  return crc32c(bytes.subarray(ATTRIBUTES_AT)) === batchCrc(bytes, 0);
}

export function corruptRecord(partition: number, from: number, to: number, what: string, cause: unknown): QueueError {
  const message = `records are damaged: ${what}. partition=${partition} offsets=[${from}, ${to})`;
  return new QueueError("CORRUPT_RECORD", message, cause === undefined ? undefined : { cause });
}
