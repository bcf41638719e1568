import { assert } from "../base/assert.ts";
import { folderOf } from "../io/disk-path.ts";
import type { Histogram } from "../telemetry/histogram.ts";
import { FileEmptier } from "./file-emptier.ts";
import { WAL_ID_BYTES } from "./group-codec.ts";
import { FILE_SLACK_BYTES, FILES_FILLED_FIRST, ROOM_WAIT_MS } from "./limits.ts";
import { LogParts } from "./log-parts.ts";
import type { RecoveredPartition, RecoveryReport } from "./recovered.ts";
import { recoverLog } from "./recovery.ts";
import { findFiles, newWalId, walIdOf } from "./recovery-survey.ts";
import { Reuse } from "./reuse.ts";
import type { Space } from "./space.ts";
import { spaceOf } from "./start-packing.ts";
import { WalFiles } from "./wal-files.ts";
import { baseChunkBytesMax, batchBytesMax, checkWalOptions, type Hosted, type WalOptions, type WalParts } from "./wal-options.ts";
import { WalPartition } from "./wal-partition.ts";

export type { RecoveredPartition, RecoveryReport } from "./recovered.ts";
export { type Hosted, type OffsetRange, WalOpenError, type WalOptions, type WalParts } from "./wal-options.ts";
export { type HeaderVisitor, WalPartition } from "./wal-partition.ts";

/** How full the log is. */
export type Occupancy = Readonly<{
  capacityBytes: number;
  /** Bytes of files that hold batches which are not uploaded, and of the current one: only uploads can free them. */
  usedBytes: number;
  /** Bytes of all files in use, whether their contents still count or not. */
  filledBytes: number;
  /** Bytes of batches that are not uploaded yet: what uploads can relieve. */
  liveBytes: number;
  /** Bytes that producers can write before they are refused, when everything that can be freed without an upload is. */
  roomBytes: number;
  /** So few that producers are slowed down already. */
  isShort: boolean;
  filesFree: number;
  indexBytes: number;
  /** The header index is over its budget: uploads are urgent. */
  indexFull: boolean;
  /** Written and acknowledged nowhere yet. */
  pendingBytes: number;
  slabBytes: number;
}>;

export type OpenedWal = Readonly<{
  wal: Wal;
  recovered: readonly RecoveredPartition[];
  newestMetadataIndex: number;
  report: RecoveryReport;
}>;

/** The write-ahead log of one broker. */
export class Wal {
  /** Chance, made with the log: a log that was lost and made anew has another one. */
  readonly id: string;
  /** Largest batch that fits. */
  readonly batchBytesMax: number;
  readonly #log: LogParts;
  readonly #reuse: Reuse;
  readonly #isDamaged: boolean;
  readonly #remnants: ReadonlySet<number>;
  #space: Space;
  #refused = 0;
  #replicaBytes = 0;

  /**
   * Opens the log in `options.folder`, or makes one. Reads headers and directories, never bodies at or below D.
   *
   * @param hostedIds Partitions that this broker hosts; those without any entry are recovered too. Without it a lost
   *   group cannot be told to partitions that have nothing else in the log.
   * @throws {WalOpenError} If a start must not go on; the message names the remedy.
   */
  static async open(options: WalOptions, parts: WalParts, hosted: Hosted, hostedIds: Iterable<number> = []): Promise<OpenedWal> {
    checkWalOptions(options);
    const { disk, clock, random, log } = parts;
    await disk.makeFolder(options.folder);
    await disk.syncFolder(folderOf(options.folder));
    // A process that was killed may have made files whose names only the kernel knows so far.
    await disk.syncFolder(options.folder);
    const fileCount = Math.floor(options.capacityBytes / options.fileBytes);
    const files = new WalFiles(
      { folder: options.folder, fileBytes: options.fileBytes, fileCount },
      random.bytes(WAL_ID_BYTES),
      disk,
      clock,
      log,
    );
    const found = await findFiles(files, disk, options.folder);
    files.walId = walIdOf(found, options.fileBytes) ?? (await newWalId(found, files.walId));
    files.recount();
    const logParts = new LogParts(options, parts, files);
    const { recovered, newestMetadataIndex, report, isDamaged, remnants } = await recoverLog(logParts, found, hosted, hostedIds);
    while (files.freeCount < FILES_FILLED_FIRST && files.absentCount > 0) await files.createOne();
    const wal = new Wal(logParts, isDamaged, remnants);
    files.fillBehind(() => wal.#fileMade());
    return { wal, recovered, newestMetadataIndex, report };
  }

  private constructor(log: LogParts, isDamaged: boolean, remnants: ReadonlySet<number>) {
    this.id = Buffer.from(log.files.walId).toString("hex");
    this.batchBytesMax = batchBytesMax(log.options);
    this.#log = log;
    this.#isDamaged = isDamaged;
    this.#remnants = remnants;
    this.#space = spaceOf(log);
    const { files, writer, parts, partitions } = log;
    const emptier = new FileEmptier(
      files,
      writer,
      log.cold,
      log.controls,
      {
        partitions,
        floorOf: (p) => p.uploadedEnd,
        hasBase: (p) => parts.hasBase(p),
        baseOf: (p) => ({ offset: p.uploadedEnd, bytes: parts.baseOf(p) }),
      },
      parts.clock,
      { pendingBytesMax: this.#space.pendingBytesMax, baseChunkBytes: baseChunkBytesMax(log.options), keepBytes: 0 },
    );
    this.#reuse = new Reuse(files, writer, emptier, log.live, () => this.#space, parts.clock, parts.fatal);
    log.spaceChanged = () => this.#reuse.wake();
  }

  #fileMade(): void {
    this.#space = spaceOf(this.#log);
    this.#reuse.wake();
  }

  /**
   * Folds exist, so that `parts.baseOf` can be answered: files are reused from now on. Call it before listening.
   */
  ready(): void {
    this.#reuse.enable();
  }

  /**
   * Behind `ready`: resolves when files are free that a start took or left partly filled, else the first appends might be refused.
   * Waits for nothing that needs an upload, and at most `ROOM_WAIT_MS`.
   */
  roomMade(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#log.parts.clock.after(ROOM_WAIT_MS, resolve);
      void this.#reuse.idle().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** A partition that has nothing in the log yet. */
  host(partitionId: number, start: Readonly<{ logEnd: number; uploadedEnd: number; logStart?: number }>): WalPartition {
    assert(!this.#log.partitions.has(partitionId), `partition ${partitionId} is hosted once`);
    const { partitionLog, index } = this.#log;
    const partition = new WalPartition(partitionId, partitionLog, index, { ...start, logStart: start.logStart ?? 0 });
    partition.uploadedAt = this.#log.writer.counters.bytesWritten;
    this.#log.partitions.set(partitionId, partition);
    // What was left of an earlier stay must not come back: that entry may have been lost, or never written.
    if (this.#remnants.has(partitionId)) partitionLog.forget(partition);
    // Else the next start would have to think that it lost something in the groups that are unreadable.
    if (this.#isDamaged) partition.startEpoch(0);
    return partition;
  }

  partition(partitionId: number): WalPartition | undefined {
    return this.#log.partitions.get(partitionId);
  }

  partitions(): Iterable<WalPartition> {
    return this.#log.partitions.values();
  }

  /** The partition is hosted here no more: an entry, synced before anything of it is freed. */
  forget(partitionId: number): void {
    const partition = this.#log.partitions.get(partitionId);
    if (partition === undefined) return;
    this.#log.partitions.delete(partitionId);
    partition.forgotten = true;
    this.#log.partitionLog.forget(partition);
    partition.index.dispose();
  }

  /** Begins at once to write what was appended in this turn; else it begins when the turn ends. */
  writeNow(): void {
    this.#log.writer.writeNow();
  }

  /** Resolves when everything appended so far is synced, whatever the options say. */
  synced(): Promise<void> {
    return this.#log.writer.allSynced();
  }

  /** Newest index of the metadata log that this broker has applied; goes into every group header. */
  setMetadataIndex(index: number): void {
    this.#log.writer.assembly.metadataIndex = Math.max(this.#log.writer.assembly.metadataIndex, index);
  }

  /** The same, and resolves when group headers on the disk name it: two, so that no single damaged one can hide it. */
  nameMetadataIndex(index: number): Promise<void> {
    this.setMetadataIndex(index);
    return this.#log.writer.markTwice();
  }

  /**
   * Whether `append` of so many bytes may be called for a partition led here.
   *
   * @returns Milliseconds by which its producer is to be slowed down, or −1: refuse with a retriable error.
   */
  admit(partition: WalPartition, bytes: number): number {
    if (bytes > this.batchBytesMax || partition.forgotten) return this.#refuse();
    if (this.#log.writer.pendingBytes + bytes > this.#space.pendingBytesMax) return this.#refuse();
    if (!this.#hasRoom(bytes)) return this.#refuse();
    const free = this.#reuse.freeBytes() - bytes;
    if (free >= this.#space.throttleBelow) return 0;
    if (free < this.#space.refuseBelow) return this.#refuse();
    if (partition.pinsOldest && this.#reuse.isStuck(partition)) return this.#refuse();
    return this.#space.throttleMs(free);
  }

  /** The same for a follower, which accepts until only the reserve is left; what is admitted has to be appended. */
  admitReplica(partition: WalPartition, bytes: number): boolean {
    if (bytes > this.batchBytesMax || partition.forgotten) return false;
    if (this.#log.writer.pendingBytes + bytes > this.#space.pendingBytesMax || !this.#hasRoom(bytes)) return false;
    if (this.#reuse.freeBytes() - bytes < this.#space.reserveBytes) return false;
    this.#replicaBytes += bytes;
    return true;
  }

  /**
   * Files are made behind the writer's back, perhaps more slowly than it fills them: one stays free for the next start, one for
   * what is copied.
   */
  #hasRoom(bytes: number): boolean {
    const { files, writer } = this.#log;
    if (files.freeCount > (this.#reuse.isBusy ? 2 : 1)) return true;
    return !this.#reuse.isBusy && bytes + FILE_SLACK_BYTES <= writer.assembly.room;
  }

  #refuse(): number {
    this.#refused += 1;
    return -1;
  }

  occupancy(): Occupancy {
    const { capacityBytes, refuseBelow, throttleBelow } = this.#space;
    const filledBytes = capacityBytes - this.#reuse.freeBytes();
    const usedBytes = filledBytes - this.#reuse.reusableBytes();
    return {
      capacityBytes,
      usedBytes,
      filledBytes,
      liveBytes: this.#log.live.total,
      roomBytes: Math.max(0, capacityBytes - usedBytes - refuseBelow),
      isShort: capacityBytes - usedBytes < throttleBelow,
      filesFree: this.#log.files.freeCount,
      indexBytes: this.#log.index.bytes,
      indexFull: this.#log.index.bytes > this.#log.options.indexBytesMax,
      pendingBytes: this.#log.writer.pendingBytes,
      slabBytes: this.#log.slabs.counters.allocated * this.#log.options.slabBytes,
    };
  }

  get writeDurations(): Histogram {
    return this.#log.writer.writeDurations;
  }

  /** Counters since the start. */
  get stats() {
    const { writer, slabs, cold, reads } = this.#log;
    return {
      ...writer.counters,
      ...slabs.counters,
      ...this.#reuse.counters,
      coldReads: cold.counters,
      readFailures: reads.failures,
      refused: this.#refused,
      /** Of `batchBytes`: of partitions that are followed here. */
      replicaBytes: this.#replicaBytes,
    };
  }

  /** Why the log is smaller than configured; undefined: it is not, or its files are still being made. */
  get sizeProblem(): string | undefined {
    return this.#log.files.problem;
  }

  /** What the disk says of a read that fails; undefined: it reads. */
  get readProblem(): string | undefined {
    return this.#log.reads.problem;
  }

  /** Everything appended is durable, and a last mark says so. Nothing may be appended any more. */
  async close(): Promise<void> {
    this.#log.reads.stop();
    await this.#reuse.stop();
    await this.#log.writer.close();
    this.#log.reads.close();
    await this.#log.files.close();
  }
}
