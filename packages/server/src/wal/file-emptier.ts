import { type Clock, nextTurn } from "../io/clock.ts";
import { BaseAppend } from "./base-writer.ts";
import { type ColdReader, type ProvenBatch, type Run, runAt } from "./cold-reader.ts";
import { type ControlEntries, type ControlEntry, copyOf } from "./control-entries.ts";
import { COPY_FLAG, ENTRY_BYTES, ENTRY_FLAGS_AT, EntryKind, MARK_AT, NO_PARTITION, ORIGIN_INDEX_AT, readU64 } from "./group-codec.ts";
import type { MovedRun } from "./header-index.ts";
import { COPY_STEP_BYTES, INDEX_BYTES_STEP, REUSE_PARTITIONS_PER_TURN } from "./limits.ts";
import type { WalFile } from "./wal-file.ts";
import type { WalFiles } from "./wal-files.ts";
import type { WalPartition } from "./wal-partition.ts";
import type { WalWriter } from "./wal-writer.ts";

/** The base that replaces the one in a file that is emptied. */
export type NewBase = Readonly<{ offset: number; bytes: Uint8Array }>;

/** What emptying depends on: how bases come about, and which partitions there are. */
export type EmptierSource = Readonly<{
  partitions: ReadonlyMap<number, WalPartition>;
  /** Batches that end above it count. */
  floorOf(p: WalPartition): number;
  /** False: not yet. */
  hasBase(p: WalPartition): boolean;
  baseOf(p: WalPartition): NewBase | undefined | Promise<NewBase | undefined>;
}>;

/** What still counts in a file; `isNeeded`: also for a partition that has no base yet to put in its place. */
export type FileLoad = { liveBytes: number; baseBytes: number; pinning: WalPartition[]; isNeeded: boolean };

/** A run of batches that was copied to the head and is waiting to be synced there. */
type Move = Readonly<{ partition: WalPartition; offset: number; end: number; runs: readonly MovedRun[] }>;

/** Batches of neighbouring runs, read and proven, waiting to be appended. */
type Collected = { readonly partition: WalPartition; readonly offset: number; end: number; readonly batches: ProvenBatch[] };

/** Takes everything out of a file that still counts, so that it can be freed. */
export class FileEmptier {
  readonly #files: WalFiles;
  readonly #writer: WalWriter;
  readonly #cold: ColdReader;
  readonly #controls: ControlEntries;
  readonly #source: EmptierSource;
  readonly #clock: Clock;
  readonly #pendingBytesMax: number;
  readonly #baseChunkBytes: number;
  readonly #keepBytes: number;
  #collected: Collected[] = [];
  #collectedBytes = 0;

  /** @param limits `keepBytes`: room that is left in the current file when it is the last one. */
  constructor(
    files: WalFiles,
    writer: WalWriter,
    cold: ColdReader,
    controls: ControlEntries,
    source: EmptierSource,
    clock: Clock,
    limits: Readonly<{ pendingBytesMax: number; baseChunkBytes: number; keepBytes: number }>,
  ) {
    this.#files = files;
    this.#writer = writer;
    this.#cold = cold;
    this.#controls = controls;
    this.#source = source;
    this.#clock = clock;
    this.#pendingBytesMax = limits.pendingBytesMax / 2;
    this.#baseChunkBytes = limits.baseChunkBytes;
    this.#keepBytes = limits.keepBytes;
  }

  #start(file: WalFile): number {
    return this.#files.address(file, 0);
  }

  /** How much would have to be copied, and for whom. */
  load(file: WalFile): FileLoad {
    const load: FileLoad = { liveBytes: 0, baseBytes: 0, pinning: [], isNeeded: false };
    for (const p of this.#source.partitions.values()) {
      const live = this.#liveBytesIn(file, p);
      if (live > 0) load.pinning.push(p);
      load.liveBytes += live;
      if (!this.#needsBase(file, p)) continue;
      load.baseBytes += (p.base?.bytes ?? 0) + ENTRY_BYTES;
      load.isNeeded ||= !this.#source.hasBase(p);
    }
    return load;
  }

  /** The oldest incarnation that holds a batch which is not uploaded; Infinity: none does. */
  oldestLiveIncarnation(): number {
    let address = Number.POSITIVE_INFINITY;
    for (const p of this.#source.partitions.values()) if (p.logEnd > p.uploadedEnd) address = Math.min(address, lowestGroup(p));
    return Math.floor(address / this.#files.fileBytes);
  }

  #liveBytesIn(file: WalFile, p: WalPartition): number {
    let bytes = 0;
    this.#eachRunIn(file, p, (i) => {
      if (p.index.runEnd(i, p.logEnd) > this.#source.floorOf(p)) bytes += p.index.bytesBefore(i + 1) - p.index.bytesBefore(i);
    });
    return bytes;
  }

  #eachRunIn(file: WalFile, p: WalPartition, visit: (i: number) => void): void {
    const start = this.#start(file);
    const end = start + this.#files.fileBytes;
    const [from, to] = p.index.rangeIn(start, end, !p.hasCopies);
    for (let i = from; i < to; i++) {
      const group = p.index.group(i);
      if (group >= start && group < end) visit(i);
    }
  }

  /** The newest base lies there, or batches above it, which a fold of base and tail needs. */
  #needsBase(file: WalFile, p: WalPartition): boolean {
    if (p.logEnd < p.uploadedEnd) return false;
    if (p.base !== undefined && (this.#isIn(file, p.base.firstGroup) || this.#isIn(file, p.base.lastGroup))) return true;
    const from = p.base?.offset ?? 0;
    const floor = this.#source.floorOf(p);
    let needs = false;
    this.#eachRunIn(file, p, (i) => {
      if (p.index.offset(i) < floor && p.index.runEnd(i, p.logEnd) > from) needs = true;
    });
    return needs;
  }

  #isIn(file: WalFile, address: number): boolean {
    return Math.floor(address / this.#files.fileBytes) === file.incarnation;
  }

  /**
   * Writes bases, control entries and live batches of the file to the head and syncs them; nothing in the file counts then.
   * False when something changed meanwhile or space got short: what was written then counts for nothing.
   * @throws {QueueError} WAL_UNREADABLE: likewise.
   */
  async empty(file: WalFile): Promise<boolean> {
    const moves: Move[] = [];
    const truncations = this.#truncations();
    this.#collected = [];
    this.#collectedBytes = 0;
    file.readerEntered();
    try {
      if (!(await this.#moveBases(file)) || !this.#copyControls(file)) return false;
      if (!(await this.#copyAllBatches(file, moves))) return false;
      await this.#writer.allSynced();
    } finally {
      file.readerLeft();
    }
    if (this.#truncations() !== truncations) return false;
    for (const move of moves) this.#applyMove(move);
    for (const p of this.#source.partitions.values()) this.#dropRuns(file, p);
    return true;
  }

  #truncations(): number {
    let sum = 0;
    for (const p of this.#source.partitions.values()) sum += p.truncations;
    return sum;
  }

  /** The last free file is for the next start, whatever happens. */
  #mayAppend(bytes: number): boolean {
    return this.#writer.assembly.fits(bytes + this.#keepBytes) || this.#files.freeCount > 1;
  }

  async #moveBases(file: WalFile): Promise<boolean> {
    let count = 0;
    for (const p of [...this.#source.partitions.values()]) {
      count += 1;
      if (count % REUSE_PARTITIONS_PER_TURN === 0) await this.#nextTurn();
      if (p.forgotten || !this.#needsBase(file, p)) continue;
      const base = await this.#source.baseOf(p);
      if (base !== undefined && !(await this.#appendBase(p, base))) return false;
    }
    return true;
  }

  async #appendBase(p: WalPartition, base: NewBase): Promise<boolean> {
    const append = new BaseAppend(this.#writer, p, base.offset, base.bytes, 0, this.#baseChunkBytes);
    for (let isLast = false; !isLast && !p.forgotten; ) {
      if (!this.#mayAppend(Math.min(this.#baseChunkBytes, base.bytes.byteLength))) return false;
      isLast = append.next();
      await this.#calm();
    }
    return true;
  }

  /** Does not let copies fill the memory in front of the writer. */
  async #calm(): Promise<void> {
    if (this.#writer.pendingBytes > this.#pendingBytesMax) await this.#writer.allSynced();
  }

  #nextTurn(): Promise<void> {
    return nextTurn(this.#clock);
  }

  #copyControls(file: WalFile): boolean {
    const start = this.#start(file);
    const isOldest = this.#files.inUse()[0] === file;
    for (const entry of this.#controls.inFile(start, start + this.#files.fileBytes)) {
      if (!this.#counts(entry, file, isOldest)) continue;
      const partition = this.#source.partitions.get(entry.partition);
      if (!this.#mayAppend(0)) return false;
      const at = this.#writer.control(partition, entry.partition, entry.kind, copyOf(entry));
      this.#controls.add({ ...entry, group: at.group });
    }
    return true;
  }

  /**
   * What an entry acts upon lies in groups before it, so it counts only as long as an older file is there; a free entry as long
   * as some file's header still names what it frees.
   */
  #counts(entry: ControlEntry, file: WalFile, isOldest: boolean): boolean {
    switch (entry.kind) {
      case EntryKind.start:
        return !isOldest || entry.third === this.#files.run;
      case EntryKind.free:
        return this.#files.inUse().some((other) => other !== file && other.needed.some((named) => named.incarnation === entry.offset));
      case EntryKind.epoch:
        return this.#source.partitions.has(entry.partition) && !this.#controls.isSuperseded(entry) && !this.#controls.isForgotten(entry);
      case EntryKind.truncate:
        return !isOldest && this.#source.partitions.has(entry.partition) && !this.#controls.isForgotten(entry);
      default:
        return !isOldest;
    }
  }

  async #copyAllBatches(file: WalFile, moves: Move[]): Promise<boolean> {
    let count = 0;
    for (const p of [...this.#source.partitions.values()]) {
      count += 1;
      if (count % REUSE_PARTITIONS_PER_TURN === 0) await this.#nextTurn();
      if (!(await this.#copyBatches(file, p, moves))) return false;
    }
    return this.#appendCollected(moves);
  }

  /** Reads what counts of one partition; many small pieces are collected before they are appended together. */
  async #copyBatches(file: WalFile, p: WalPartition, moves: Move[]): Promise<boolean> {
    for (const run of this.#runsToCopy(file, p)) {
      if (p.forgotten) return true;
      const batches = await this.#cold.readRun(p, run, run.offset);
      this.#collect(p, run, batches);
      if (this.#collectedBytes < COPY_STEP_BYTES) continue;
      if (!this.#appendCollected(moves)) return false;
      await this.#calm();
    }
    return true;
  }

  #runsToCopy(file: WalFile, p: WalPartition): Run[] {
    // What the newest base needs, whatever was uploaded since it was written.
    const floor = p.base?.offset ?? 0;
    const runs: Run[] = [];
    this.#eachRunIn(file, p, (i) => {
      const run = runAt(p, i, file);
      if (run.runEnd > floor) runs.push(run);
    });
    return runs;
  }

  #collect(p: WalPartition, run: Run, batches: readonly ProvenBatch[]): void {
    for (const batch of batches) this.#collectedBytes += batch.bytes.byteLength;
    const last = this.#collected.at(-1);
    if (last !== undefined && last.partition === p && last.end === run.offset) {
      last.batches.push(...batches);
      last.end = run.runEnd;
    } else this.#collected.push({ partition: p, offset: run.offset, end: run.runEnd, batches: [...batches] });
  }

  #appendCollected(moves: Move[]): boolean {
    const collected = this.#collected.filter(({ partition }) => !partition.forgotten);
    this.#collected = [];
    this.#collectedBytes = 0;
    for (const { partition, offset, end, batches } of collected) {
      const runs = this.#appendCopies(partition, batches);
      if (runs === undefined) return false;
      moves.push({ partition, offset, end, runs });
    }
    return true;
  }

  /** Appends them in one go, so that they follow one another in their directories. */
  #appendCopies(p: WalPartition, batches: readonly ProvenBatch[]): MovedRun[] | undefined {
    const runs: { offset: number; group: number; entry: number; bytes: number }[] = [];
    let next = -1;
    for (const batch of batches) {
      if (!this.#mayAppend(batch.bytes.byteLength)) return undefined;
      const at = this.#appendCopy(p, batch);
      const last = runs.at(-1);
      if (last !== undefined && batch.base === next && last.group === at.group && last.bytes < INDEX_BYTES_STEP)
        last.bytes += batch.bytes.byteLength;
      else runs.push({ offset: batch.base, ...at, bytes: batch.bytes.byteLength });
      next = batch.end;
    }
    return runs;
  }

  #appendCopy(p: WalPartition, batch: ProvenBatch): Readonly<{ group: number; entry: number }> {
    const { view, bytes: directory, header } = batch.directory;
    const isCopy = (view.getUint8(batch.at + ENTRY_FLAGS_AT) & COPY_FLAG) !== 0;
    const number = isCopy ? readU64(view, batch.at + MARK_AT) : header.number;
    const index = isCopy ? view.getUint16(batch.at + ORIGIN_INDEX_AT) : batch.at / ENTRY_BYTES;
    return this.#writer.appendCopy(p, directory.subarray(batch.at, batch.at + ENTRY_BYTES), batch.bytes, number, index);
  }

  /** The copies are synced: the index leads to them from now on. */
  #applyMove(move: Move): void {
    const p = move.partition;
    if (p.forgotten) return;
    p.index.replace(move.offset, move.end, move.runs);
    p.hasCopies = true;
  }

  /** Forgets what was left behind in the file: it lies below the floor, and so does everything before it. */
  #dropRuns(file: WalFile, p: WalPartition): void {
    let count = 0;
    this.#eachRunIn(file, p, (i) => {
      count = i + 1;
    });
    if (count > 0) p.index.dropFront(count);
  }

  /** The file is not needed any more: an entry; the caller has it synced before `files.release`. */
  free(file: WalFile): void {
    file.freeing = true;
    const start = this.#start(file);
    this.#controls.dropFile(start, start + this.#files.fileBytes);
    this.freeIncarnation(file.incarnation, file.slot);
  }

  freeIncarnation(incarnation: number, slot: number): void {
    const at = this.#writer.control(undefined, NO_PARTITION, EntryKind.free, { offset: incarnation, second: slot });
    const order = { number: at.number, index: at.entry };
    this.#controls.add({
      kind: EntryKind.free,
      partition: NO_PARTITION,
      group: at.group,
      order,
      offset: incarnation,
      second: slot,
      third: 0,
      epoch: 0,
    });
  }
}

/** Lowest address of a group with batches that are not uploaded. */
function lowestGroup(p: WalPartition): number {
  const { index } = p;
  let lowest = Number.POSITIVE_INFINITY;
  for (let i = Math.max(0, index.floor(p.uploadedEnd)); i < index.length; i++) {
    lowest = Math.min(lowest, index.group(i));
    if (!p.hasCopies) break; // addresses ascend
  }
  return lowest;
}
