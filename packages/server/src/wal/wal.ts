import { assert } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { ColdReader } from "./cold-reader.ts";
import { ControlEntries } from "./control-entries.ts";
import { EntryKind, NO_PARTITION, WAL_ID_BYTES } from "./group-codec.ts";
import { GroupDirectories } from "./group-directories.ts";
import type { IndexBudget } from "./header-index.ts";
import { HotReader } from "./hot-reader.ts";
import { FILE_SLACK_BYTES, FILES_FILLED_FIRST } from "./limits.ts";
import { type LiveBytes, WalPartitionLog } from "./partition-log.ts";
import type { RecoveredPartition, RecoveryReport } from "./recovered.ts";
import { Reuse } from "./reuse.ts";
import { Slabs } from "./slabs.ts";
import { Space } from "./space.ts";
import { WalFiles } from "./wal-files.ts";
import { batchBytesMax, checkWalOptions, type Hosted, type WalOptions, type WalParts } from "./wal-options.ts";
import { WalPartition } from "./wal-partition.ts";
import { WalWriter } from "./wal-writer.ts";

export type { RecoveredPartition, RecoveryReport } from "./recovered.ts";
export { type Hosted, type OffsetRange, WalOpenError, type WalOptions, type WalParts } from "./wal-options.ts";
export { type HeaderVisitor, WalPartition } from "./wal-partition.ts";

/** How full the log is. */
export type Occupancy = Readonly<{
  capacityBytes: number;
  /** Bytes that are not free: files in use, whether their contents still count or not. */
  usedBytes: number;
  /** Bytes of batches that are not uploaded yet: what uploads can relieve. */
  liveBytes: number;
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
  readonly #options: WalOptions;
  readonly #files: WalFiles;
  readonly #slabs: Slabs;
  readonly #writer: WalWriter;
  readonly #log: WalPartitionLog;
  readonly #cold: ColdReader;
  readonly #space: Space;
  readonly #reuse: Reuse;
  readonly #index: IndexBudget = { bytes: 0 };
  readonly #live: LiveBytes = { total: 0 };
  readonly #partitions = new Map<number, WalPartition>();
  #refused = 0;

  /**
   * Opens the log in `options.folder`, or makes one. Reads headers and directories, never bodies at or below D.
   *
   * @param hostedIds Partitions that this broker hosts; those without any entry are recovered too. Without it a lost
   *   group cannot be told to partitions that have nothing else in the log.
   * @throws {WalOpenError} If a start must not go on; the message names the remedy.
   */
  static async open(options: WalOptions, parts: WalParts, hosted: Hosted, hostedIds: Iterable<number> = []): Promise<OpenedWal> {
    checkWalOptions(options);
    const startMs = parts.clock.monotonicMs();
    await parts.disk.makeFolder(options.folder);
    const names = await parts.disk.list(options.folder);
    if (names.length > 0) throw new QueueError("NOT_IMPLEMENTED", "opening an existing WAL is not implemented yet");
    const fileCount = Math.floor(options.capacityBytes / options.fileBytes);
    const walId = parts.random.bytes(WAL_ID_BYTES);
    const files = new WalFiles(
      { folder: options.folder, fileBytes: options.fileBytes, fileCount },
      walId,
      parts.disk,
      parts.clock,
      parts.log,
    );
    files.run = 1;
    const wal = new Wal(options, parts, files);
    for (const file of files.slots.slice(0, FILES_FILLED_FIRST)) await files.create(file);
    const file = files.take(1);
    await files.writeHeader(file);
    wal.#writer.resume(file, 0, 0, 0);
    wal.#writer.control(undefined, NO_PARTITION, EntryKind.start, { offset: 0, second: 0, third: 1 });
    await wal.#writer.allSynced();
    files.fillBehind(() => wal.#reuse.wake());
    void hosted;
    void hostedIds;
    const report: RecoveryReport = {
      created: true,
      durationMs: parts.clock.monotonicMs() - startMs,
      filesRead: 0,
      groupsRead: 0,
      bytesRead: 0,
      durableGroup: 0,
      lastGroup: 0,
      groupsRescued: 0,
      unfinishedStarts: 0,
      filesPacked: 0,
      damage: [],
    };
    return { wal, recovered: [], newestMetadataIndex: 0, report };
  }

  private constructor(options: WalOptions, parts: WalParts, files: WalFiles) {
    this.id = Buffer.from(files.walId).toString("hex");
    this.batchBytesMax = batchBytesMax(options);
    this.#options = options;
    this.#files = files;
    this.#slabs = new Slabs(options.slabBytes, options.slabBudgetBytes);
    this.#reuse = new Reuse();
    this.#writer = new WalWriter(options, parts, files, this.#slabs, () => this.#reuse.wake());
    this.#cold = new ColdReader(files, new GroupDirectories(files), parts.log);
    const controls = new ControlEntries();
    const hot = new HotReader(this.#slabs);
    this.#log = new WalPartitionLog(this.#writer, hot, this.#cold, controls, this.#live, this.batchBytesMax, () => this.#reuse.wake());
    this.#space = new Space({
      capacityBytes: files.slots.length * files.fileBytes,
      fileBytes: files.fileBytes,
      slabBudgetBytes: this.#slabs.budgetBytes,
    });
  }

  /**
   * Folds exist, so that `parts.baseOf` can be answered: files are reused from now on. Call it before listening.
   */
  ready(): void {
    this.#reuse.wake();
  }

  /** A partition that has nothing in the log yet. */
  host(partitionId: number, start: Readonly<{ logEnd: number; uploadedEnd: number; logStart?: number }>): WalPartition {
    assert(!this.#partitions.has(partitionId), `partition ${partitionId} is hosted once`);
    const partition = new WalPartition(partitionId, this.#log, this.#index, { ...start, logStart: start.logStart ?? 0 });
    this.#partitions.set(partitionId, partition);
    return partition;
  }

  partition(partitionId: number): WalPartition | undefined {
    return this.#partitions.get(partitionId);
  }

  partitions(): Iterable<WalPartition> {
    return this.#partitions.values();
  }

  /** The partition is hosted here no more: an entry, synced before anything of it is freed. */
  forget(partitionId: number): void {
    const partition = this.#partitions.get(partitionId);
    if (partition === undefined) return;
    this.#partitions.delete(partitionId);
    partition.forgotten = true;
    this.#log.forget(partition);
    partition.index.clear();
  }

  /** Newest index of the metadata log that this broker has applied; goes into every group header. */
  setMetadataIndex(index: number): void {
    this.#writer.assembly.metadataIndex = Math.max(this.#writer.assembly.metadataIndex, index);
  }

  /**
   * Whether `append` of so many bytes may be called for a partition led here.
   *
   * @returns Milliseconds by which its producer is to be slowed down, or −1: refuse with a retriable error.
   */
  admit(partition: WalPartition, bytes: number): number {
    if (bytes > this.batchBytesMax || partition.forgotten) return this.#refuse();
    if (this.#writer.pendingBytes + bytes > this.#space.pendingBytesMax) return this.#refuse();
    if (!this.#hasRoom(bytes)) return this.#refuse();
    const free = this.#freeBytes() - bytes;
    if (free >= this.#space.throttleBelow) return 0;
    if (free < this.#space.refuseBelow) return this.#refuse();
    return this.#space.throttleMs(free);
  }

  /** The same for a follower, which accepts until only the reserve is left. */
  admitReplica(partition: WalPartition, bytes: number): boolean {
    if (bytes > this.batchBytesMax || partition.forgotten) return false;
    if (this.#writer.pendingBytes + bytes > this.#space.pendingBytesMax || !this.#hasRoom(bytes)) return false;
    return this.#freeBytes() - bytes >= this.#space.reserveBytes;
  }

  /** Files are made behind the writer's back, perhaps more slowly than it fills them: one stays free for the next start. */
  #hasRoom(bytes: number): boolean {
    return this.#files.freeCount > 1 || bytes + FILE_SLACK_BYTES <= this.#writer.assembly.room;
  }

  #refuse(): number {
    this.#refused += 1;
    return -1;
  }

  #freeBytes(): number {
    return (this.#files.freeCount + this.#files.absentCount) * this.#files.fileBytes + this.#writer.assembly.room;
  }

  occupancy(): Occupancy {
    return {
      capacityBytes: this.#space.capacityBytes,
      usedBytes: this.#space.capacityBytes - this.#freeBytes(),
      liveBytes: this.#live.total,
      filesFree: this.#files.freeCount,
      indexBytes: this.#index.bytes,
      indexFull: this.#index.bytes > this.#options.indexBytesMax,
      pendingBytes: this.#writer.pendingBytes,
      slabBytes: this.#slabs.counters.allocated * this.#options.slabBytes,
    };
  }

  /** Counters since the start. */
  get stats() {
    return { ...this.#writer.counters, ...this.#slabs.counters, coldReads: this.#cold.counters, refused: this.#refused };
  }

  /** Everything appended is durable, and a last mark says so. Nothing may be appended any more. */
  async close(): Promise<void> {
    await this.#writer.close();
    await this.#files.close();
  }
}
