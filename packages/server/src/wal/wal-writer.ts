import { assert } from "../base/assert.ts";
import type { Clock, Timer } from "../io/clock.ts";
import { Histogram } from "../telemetry/histogram.ts";
import { type ControlContent, type Group, GroupAssembly } from "./group-assembly.ts";
import { CLEAN_END_FLAG, ENTRY_BYTES } from "./group-codec.ts";
import { FLUSH_BYTES_MAX, IDLE_MARK_AFTER_MS, LATE_SHARE, LATE_UNSYNCED_SHARE, UNSYNCED_SHARE } from "./limits.ts";
import type { Slabs } from "./slabs.ts";
import type { WalFile } from "./wal-file.ts";
import type { WalFiles } from "./wal-files.ts";
import { groupBytesMax, type WalOptions, type WalParts } from "./wal-options.ts";
import type { WalPartition } from "./wal-partition.ts";

export type WriterCounters = {
  groups: number;
  marks: number;
  writes: number;
  bytesWritten: number;
  syncs: number;
  batches: number;
  batchBytes: number;
};

/**
 * Group commit: entries go to the open group; what arrived while the last write (and sync) ran is the next one. One
 * write is in flight at a time. Every state change happens in a synchronous function.
 */
export class WalWriter {
  readonly assembly: GroupAssembly;
  readonly counters: WriterCounters = { groups: 0, marks: 0, writes: 0, bytesWritten: 0, syncs: 0, batches: 0, batchBytes: 0 };
  /** Bytes of entries that are not durable yet. */
  pendingBytes = 0;
  /** Newest group that the kernel has. */
  written = 0;
  /** From handing a write to the disk to its completion, sync included. */
  readonly writeDurations = new Histogram();
  #flightStartMs = 0;
  readonly #options: WalOptions;
  readonly #parts: WalParts;
  readonly #clock: Clock;
  readonly #files: WalFiles;
  readonly #slabs: Slabs;
  /** Told when a free file became the current one. */
  readonly #fileTaken: () => void;
  /** Sealed groups, the oldest first, not yet given to the disk. */
  #sealed: Group[] = [];
  #flight: Group[] = [];
  #flightBytes = 0;
  #flightSyncs = false;
  #flightNames = 0;
  #busy = false;
  #scheduled = false;
  #stopped = false;
  /** The newest group whose sync somebody waits for. */
  #syncUpTo = 0;
  /** The file of the newest group that the kernel has. */
  #writtenFile: WalFile | undefined;
  /** A sync that runs beside the writes. */
  #beside: Promise<void> | undefined;
  #flushTimer: Timer | undefined;
  #idleTimer: Timer | undefined;
  #quietSinceMs = 0;
  /** Newest group that is no idle mark, and the highest durable group that a header on disk names. */
  #newestReal = 0;
  #namedDurable = 0;
  #waiters: { group: number; resolve: () => void }[] = [];

  constructor(options: WalOptions, parts: WalParts, files: WalFiles, slabs: Slabs, fileTaken: () => void) {
    this.assembly = new GroupAssembly(files, slabs, groupBytesMax(options));
    this.#options = options;
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#files = files;
    this.#slabs = slabs;
    this.#fileTaken = fileTaken;
  }

  /** Newest group known to be synced. */
  get synced(): number {
    return this.assembly.synced;
  }

  /** Newest group that any entry went to. */
  get newest(): number {
    return this.assembly.newest;
  }

  /**
   * A start begins here: groups up to `group` are synced, the last of them in this run's first file. Headers name
   * `durable` and nothing newer until `started`.
   */
  resume(file: WalFile, group: number, durable: number, offsets: number, metadataIndex: number): void {
    this.assembly.moveTo(file);
    this.assembly.durableMax = durable;
    this.assembly.newest = group;
    this.assembly.synced = group;
    this.assembly.offsets = offsets;
    this.assembly.metadataIndex = metadataIndex;
    this.written = group;
    this.#slabs.written(group);
  }

  /** The start entry is synced: the run counts. A mark says so at once, or starts in quick succession would rescue ever more. */
  started(): void {
    this.assembly.durableMax = Number.MAX_SAFE_INTEGER;
    this.#mark(0);
  }

  /** Two empty groups; resolves when they are synced. */
  markTwice(): Promise<void> {
    this.#mark(0);
    this.#mark(0);
    return this.allSynced();
  }

  /** Appends one batch and notes it in the partition's index. */
  append(
    partition: WalPartition,
    bytes: Uint8Array,
    start: number,
    length: number,
    baseOffset: number,
    epoch: number,
    timeMs: number,
  ): void {
    const group = this.#room(length);
    const apart = partition.openGroup !== group.number || !partition.continues;
    const count = this.assembly.append(partition, bytes, start, length, baseOffset, epoch, timeMs);
    partition.index.append(baseOffset, this.#addressOf(group), partition.openEntry, length, apart);
    partition.continues = true;
    partition.logEnd = baseOffset + count;
    this.touch(partition, group);
    this.#count(group, length);
    this.counters.batches += 1;
    this.counters.batchBytes += length;
    this.#schedule();
  }

  /** Appends a batch once more; returns where. The caller changes the index. */
  appendCopy(
    partition: WalPartition,
    entry: Uint8Array,
    body: Uint8Array,
    originNumber: number,
    originIndex: number,
  ): Readonly<{ group: number; entry: number }> {
    const group = this.#room(body.byteLength);
    this.assembly.appendCopy(partition, entry, body, originNumber, originIndex);
    partition.continues = false;
    this.#count(group, body.byteLength);
    this.#schedule();
    return { group: this.#addressOf(group), entry: partition.openEntry };
  }

  /** Appends an entry that is no batch; returns where: group number, its address, index in its directory. */
  control(
    partition: WalPartition | undefined,
    partitionId: number,
    kind: number,
    content: ControlContent,
    body?: Uint8Array,
  ): Readonly<{ number: number; group: number; entry: number }> {
    const group = this.#room(body?.byteLength ?? 0);
    const entry = this.assembly.control(partition, partitionId, kind, content, body);
    if (partition !== undefined) partition.continues = false;
    this.#count(group, body?.byteLength ?? 0);
    this.#schedule();
    return { number: group.number, group: this.#addressOf(group), entry };
  }

  /** The partition's durable end moves to its end of now when this group is durable. */
  touch(partition: WalPartition, group: Group): void {
    if (partition.touchedGroup !== group.number) {
      partition.touchedGroup = group.number;
      partition.touchedAt = group.partitions.length;
      group.partitions.push(partition);
      group.truncations.push(partition.truncations);
    }
    group.ends[partition.touchedAt] = partition.logEnd;
    group.truncations[partition.touchedAt] = partition.truncations;
  }

  #count(group: Group, bodyBytes: number): void {
    group.pendingBytes += bodyBytes + ENTRY_BYTES;
    this.pendingBytes += bodyBytes + ENTRY_BYTES;
    this.#newestReal = group.number;
  }

  #addressOf(group: Group): number {
    return this.#files.address(group.file as WalFile, group.start);
  }

  /** The open group, with room for one more entry. */
  #room(bodyBytes: number): Group {
    assert(!this.#stopped, "nothing is appended to a closed log");
    const { assembly } = this;
    if (!assembly.fits(bodyBytes)) {
      if (assembly.open !== undefined) this.#seal(0);
      if (!assembly.fits(bodyBytes)) this.#nextFile();
    }
    return assembly.open ?? assembly.begin();
  }

  #seal(flags: number): void {
    this.#sealed.push(this.assembly.seal(flags));
    this.counters.groups += 1;
  }

  #nextFile(): void {
    const before = this.assembly.file;
    if (before !== undefined) before.state = "full";
    this.assembly.moveTo(this.#files.take(this.assembly.newest + 1, this.assembly.offsets));
    this.#fileTaken();
  }

  /** Once per turn of the loop, or when the write in flight ends. */
  #schedule(): void {
    if (this.#busy || this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.nextTurn(this.#publish);
  }

  /** What was appended in this turn goes to the disk before whatever else the turn has to do. */
  writeNow(): void {
    if (this.#scheduled) this.#publish();
  }

  readonly #publish = (): void => {
    this.#scheduled = false;
    if (this.#busy || this.#stopped) return;
    if (this.assembly.open !== undefined) this.#seal(0);
    const first = this.#sealed[0];
    if (first !== undefined) this.#begin(first.file as WalFile);
    else if (this.#isSyncWanted()) this.#syncOnly();
  };

  #begin(file: WalFile): void {
    this.#busy = true;
    if (!file.headerWritten) this.#enterFile(file).then(() => this.#write(file), this.#fail);
    else if (this.#needsSyncBefore(file)) this.#makeRoom(file).then(() => this.#write(file), this.#fail);
    else this.#write(file);
  }

  /** A start has to rescue what no header names as synced: that never exceeds half a file. */
  #needsSyncBefore(file: WalFile): boolean {
    const count = this.#groupsOfOneWrite(file);
    const bytes = (this.#sealed[count - 1] as Group).end - (this.#sealed[0] as Group).start;
    return file.unsyncedBytes > 0 && file.unsyncedBytes + bytes > this.#options.fileBytes / 2;
  }

  async #makeRoom(file: WalFile): Promise<void> {
    if (this.#options.sync) return this.#syncFile(file);
    while (!this.#stopped && this.#needsSyncBefore(file)) {
      this.#syncBeside();
      await this.#beside;
    }
  }

  async #syncFile(file: WalFile): Promise<void> {
    await file.disk.sync();
    this.counters.syncs += 1;
    file.unsyncedBytes = 0;
    this.#syncedUpTo(this.written);
  }

  /** Everything in the files before is synced, then the header of the next one: no group there counts without them. */
  async #enterFile(file: WalFile): Promise<void> {
    while (this.#beside !== undefined && !this.#stopped) await this.#beside;
    for (const before of this.#files.slots) {
      if (before !== file && before.unsyncedBytes > 0) await this.#syncFile(before);
    }
    this.#syncedUpTo(this.written);
    await this.#files.writeHeader(file);
  }

  /** Gives the oldest sealed groups to the disk, all that lie in this file, up to a limit. */
  #write(file: WalFile): void {
    if (this.#stopped) return;
    const count = this.#groupsOfOneWrite(file);
    this.#flight = this.#sealed.splice(0, count);
    const start = (this.#flight[0] as Group).start;
    const end = (this.#flight[count - 1] as Group).end;
    const onlyMark = count === 1 && (this.#flight[0] as Group).isMark;
    this.#flightSyncs = this.#options.sync && (!onlyMark || this.#isSyncWanted());
    this.#flightNames = this.assembly.named;
    for (const group of this.#flight) this.assembly.encodeHeader(group);
    this.#flightBytes = end - start;
    this.counters.writes += 1;
    this.counters.bytesWritten += end - start;
    this.#flightStartMs = this.#clock.monotonicMs();
    file.disk.write(start, this.#slices(file, start, end), this.#flightSyncs).then(this.#written, this.#fail);
  }

  #groupsOfOneWrite(file: WalFile): number {
    const start = (this.#sealed[0] as Group).start;
    const bytesMax = Math.min(FLUSH_BYTES_MAX, this.#options.fileBytes / 4);
    let count = 1;
    while (count < this.#sealed.length) {
      const group = this.#sealed[count] as Group;
      if (group.file !== file || group.end - start > bytesMax) break;
      count += 1;
    }
    return count;
  }

  #slices(file: WalFile, start: number, end: number): Uint8Array[] {
    const { slabBytes } = this.#slabs;
    const slices: Uint8Array[] = [];
    for (let at = start; at < end; ) {
      const slab = this.#slabs.at(this.#files.address(file, at));
      assert(slab !== undefined, "unwritten bytes are in a slab");
      const from = at % slabBytes;
      const part = Math.min(end - at, slabBytes - from);
      slices.push(slab.buffer.subarray(from, from + part));
      at += part;
    }
    return slices;
  }

  readonly #written = (): void => {
    const flight = this.#flight;
    const last = flight[flight.length - 1] as Group;
    const file = last.file as WalFile;
    this.written = last.number;
    this.#writtenFile = file;
    this.writeDurations.recordMs(this.#clock.monotonicMs() - this.#flightStartMs);
    this.#slabs.written(last.number);
    this.#namedDurable = Math.max(this.#namedDurable, this.#flightNames);
    if (this.#flightSyncs) {
      this.counters.syncs += 1;
      file.unsyncedBytes = 0;
      this.#syncedUpTo(last.number);
    } else {
      // Not before: a sync that begins while the write is under way may not have it.
      file.unsyncedBytes += this.#flightBytes;
      if (!this.#options.sync) this.#armFlush();
      if (!this.#options.sync && this.#isSyncDue(file)) this.#syncBeside();
    }
    this.#tellDurable(flight);
    this.#next();
  };

  /** Durable: synced, or written when `sync` is off. A mark alone is neither and touches no partition. */
  #tellDurable(flight: readonly Group[]): void {
    let touched = 0;
    for (const group of flight) {
      this.pendingBytes -= group.pendingBytes;
      for (let i = 0; i < group.partitions.length; i++) {
        const partition = group.partitions[i] as WalPartition;
        partition.becameDurable(group.ends[i] as number, group.truncations[i] as number);
        this.#parts.durable(partition);
        touched += 1;
      }
      this.assembly.recycle(group);
    }
    this.#flight = [];
    if (touched > 0) this.#parts.groupDone();
  }

  #next(): void {
    this.#busy = false;
    this.#quietSinceMs = this.#clock.monotonicMs();
    if (this.assembly.open !== undefined || this.#sealed.length > 0 || this.#isSyncWanted()) this.#publish();
    else this.#armIdle();
  }

  #isSyncWanted(): boolean {
    return this.#syncUpTo > this.assembly.synced;
  }

  /** Soon enough that no write waits for it, and that little is left to be synced when the next file is begun. */
  #isSyncDue(file: WalFile): boolean {
    const { fileBytes } = this.#options;
    const isLate = fileBytes - file.end < fileBytes * LATE_SHARE;
    return file.unsyncedBytes >= fileBytes * (isLate ? LATE_UNSYNCED_SHARE : UNSYNCED_SHARE);
  }

  /** Without `sync`: makes durable what is written, while more is being written. One at a time. */
  #syncBeside(): void {
    const file = this.#writtenFile;
    if (this.#beside !== undefined || file === undefined) return;
    const { unsyncedBytes } = file;
    const group = this.written;
    if (unsyncedBytes === 0) return this.#syncedUpTo(group);
    this.#beside = file.disk.syncBeside().then(() => {
      this.#beside = undefined;
      this.counters.syncs += 1;
      file.unsyncedBytes -= unsyncedBytes;
      this.#syncedUpTo(group);
      if (this.#isSyncWanted()) this.#syncBeside();
      else if (!this.#busy) this.#armIdle();
    }, this.#fail);
  }

  #syncOnly(): void {
    if (!this.#options.sync) return this.#syncBeside();
    const file = this.assembly.file as WalFile;
    if (file.unsyncedBytes === 0) return this.#syncedUpTo(this.written);
    this.#busy = true;
    this.#syncFile(file).then(() => this.#next(), this.#fail);
  }

  #syncedUpTo(group: number): void {
    this.assembly.synced = Math.max(this.assembly.synced, group);
    if (this.#waiters.length === 0) return;
    const done = this.#waiters.filter((waiter) => waiter.group <= this.assembly.synced);
    this.#waiters = this.#waiters.filter((waiter) => waiter.group > this.assembly.synced);
    for (const waiter of done) waiter.resolve();
  }

  /** Resolves when everything appended so far is synced, whatever `sync` says. */
  allSynced(): Promise<void> {
    const group = this.newest;
    if (group <= this.assembly.synced) return Promise.resolve();
    this.#syncUpTo = group;
    this.#schedule();
    return new Promise((resolve) => this.#waiters.push({ group, resolve }));
  }

  #armFlush(): void {
    if (this.#options.sync || this.#flushTimer !== undefined || this.#stopped) return;
    this.#flushTimer = this.#clock.after(this.#options.flushIntervalMs, () => {
      this.#flushTimer = undefined;
      if (this.assembly.synced >= this.#newestReal) return;
      this.#syncUpTo = this.newest;
      this.#schedule();
    });
  }

  #armIdle(): void {
    if (this.#idleTimer !== undefined || this.#stopped || !this.assembly.isStarted || this.#namedDurable >= this.#newestReal) return;
    const quietMs = this.#clock.monotonicMs() - this.#quietSinceMs;
    this.#idleTimer = this.#clock.after(Math.max(1, IDLE_MARK_AFTER_MS - quietMs), this.#idle);
  }

  /** Nothing happened for a while: one empty group says that the newest one is synced. */
  readonly #idle = (): void => {
    this.#idleTimer = undefined;
    if (this.#busy || this.#scheduled || this.#stopped) return; // armed again when that is done
    if (this.#clock.monotonicMs() - this.#quietSinceMs < IDLE_MARK_AFTER_MS) return this.#armIdle();
    if (this.assembly.synced >= this.#newestReal) this.#mark(0);
  };

  #mark(flags: number): void {
    const group = this.#room(0);
    group.isMark = true;
    this.#seal(flags);
    this.counters.marks += 1;
    this.#schedule();
  }

  readonly #fail = (error: unknown): void => {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#parts.fatal(error instanceof Error ? error : new Error(String(error)));
  };

  /** Everything appended is synced, and a last mark says so: the next start has nothing to rescue. */
  async close(): Promise<void> {
    await this.allSynced();
    this.#mark(CLEAN_END_FLAG);
    await this.allSynced();
    this.#stopped = true;
    this.#flushTimer?.cancel();
    this.#idleTimer?.cancel();
  }
}
