import { assert, must } from "../base/assert.ts";
import { type Clock, sleep } from "../io/clock.ts";
import { type Disk, DiskError } from "../io/disk.ts";
import type { Log } from "../telemetry/log.ts";
import { encodeFileHeader, type NeededFile, WAL_FORMAT_VERSION } from "./file-header-codec.ts";
import { FILL_PAUSE_MS, FILL_STEP_BYTES, FILL_STEPS_PER_SYNC, GROW_RETRY_MS, GROW_SPARE_BYTES } from "./limits.ts";
import { WalFile, type WalFileState, walFilePath } from "./wal-file.ts";

export type WalFilesOptions = Readonly<{ folder: string; fileBytes: number; fileCount: number }>;

/** The set of files: which are free, which count, and what their headers say. */
export class WalFiles {
  readonly fileBytes: number;
  readonly slots: WalFile[] = [];
  walId: Uint8Array;
  run = 0;
  /** The D of this run's start. */
  startDurable = 0;
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #byIncarnation = new Map<number, WalFile>();
  #incarnationNewest = 0;
  #closed = false;
  #freeCount = 0;
  #absentCount = 0;
  /** Why files are missing, as long as some are: then only those count that are there. */
  #problem: string | undefined;
  #endRest: (() => void) | undefined;
  /** Zeros are written beside live traffic. */
  #behind = false;
  #filling: Promise<void> = Promise.resolve();

  constructor(options: WalFilesOptions, walId: Uint8Array, disk: Disk, clock: Clock, log: Log) {
    this.fileBytes = options.fileBytes;
    this.walId = walId;
    this.#folder = options.folder;
    this.#disk = disk;
    this.#clock = clock;
    this.#log = log;
    for (let slot = 0; slot < options.fileCount; slot++) this.slots.push(new WalFile(slot));
  }

  /** The file of this slot; slots beyond the configured count exist when the log was larger once. */
  slot(slot: number): WalFile {
    while (this.slots.length <= slot) this.slots.push(new WalFile(this.slots.length));
    return this.slots[slot] as WalFile;
  }

  /** Where in all time and space: grows, is never used twice. */
  address(file: WalFile, position: number): number {
    return file.incarnation * this.fileBytes + position;
  }

  /** The file that holds this address, or undefined when it was freed. */
  at(address: number): WalFile | undefined {
    return this.#byIncarnation.get(Math.floor(address / this.fileBytes));
  }

  positionOf(address: number): number {
    return address % this.fileBytes;
  }

  /** Files that can be taken at once. */
  get freeCount(): number {
    return this.#freeCount;
  }

  /** Files that will be free when they are made. */
  get absentCount(): number {
    return this.#absentCount;
  }

  /** After every change of a state. */
  recount(): void {
    this.#freeCount = 0;
    this.#absentCount = 0;
    for (const { state } of this.slots) {
      if (state === "free") this.#freeCount += 1;
      else if (isMissing(state) && this.#problem === undefined) this.#absentCount += 1;
    }
  }

  /** Files that exist or will. */
  get usableCount(): number {
    return this.#problem === undefined ? this.slots.length : this.slots.filter(({ state }) => !isMissing(state)).length;
  }

  /** Why the log is smaller than configured; undefined: it is not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Current and full ones, the oldest first. */
  inUse(): WalFile[] {
    return this.slots.filter((file) => file.inUse).sort((a, b) => a.incarnation - b.incarnation);
  }

  /** A file found by recovery that still counts. */
  adopt(file: WalFile): void {
    file.state = "full";
    file.headerWritten = true;
    this.#byIncarnation.set(file.incarnation, file);
  }

  /** No incarnation up to this one is given again. */
  incarnationSeen(incarnation: number): void {
    this.#incarnationNewest = Math.max(this.#incarnationNewest, incarnation);
  }

  /** Makes a free file the current one. Space accounting has made sure that there is one. */
  take(firstGroup: number, offsetsBefore: number): WalFile {
    const file = must(
      this.slots.find((slot) => slot.state === "free"),
      "a free WAL file",
    );
    this.#incarnationNewest += 1;
    file.state = "current";
    file.incarnation = this.#incarnationNewest;
    file.run = this.run;
    file.firstGroup = firstGroup;
    file.offsetsBefore = offsetsBefore;
    file.lastGroup = firstGroup - 1;
    this.#byIncarnation.set(file.incarnation, file);
    this.recount();
    return file;
  }

  /** Writes both copies of the header and syncs them. Called before the file's first group. */
  async writeHeader(file: WalFile): Promise<void> {
    file.needed = this.#neededBy(file);
    const header = encodeFileHeader({
      walId: this.walId,
      version: WAL_FORMAT_VERSION,
      slot: file.slot,
      incarnation: file.incarnation,
      run: file.run,
      fileBytes: this.fileBytes,
      firstGroup: file.firstGroup,
      startDurable: this.startDurable,
      // A power failure may take the name of one that is still being made: nothing would be missing then.
      slotCount: this.slots.filter(({ state }) => state !== "absent" && state !== "filling").length,
      offsetsBefore: file.offsetsBefore,
      needed: file.needed,
    });
    await file.disk.write(0, [header, header], true);
    file.headerWritten = true;
  }

  #neededBy(file: WalFile): NeededFile[] {
    const older = this.inUse().filter((other) => other.incarnation < file.incarnation && !other.freeing);
    return older.map(({ incarnation, slot, firstGroup, lastGroup }) => ({ incarnation, slot, firstGroup, lastGroup }));
  }

  /** The incarnation is over for readers; the slot is free when nobody reads it any more. */
  async release(file: WalFile): Promise<void> {
    assert(file.state === "full", "only a full file is freed");
    file.state = "dead";
    this.#byIncarnation.delete(file.incarnation);
    await file.unread();
    file.reset();
    this.recount();
  }

  /** Makes sure that slot's file exists with its whole size as zeros, so that writes allocate nothing later. */
  async create(file: WalFile): Promise<void> {
    file.state = "filling";
    const path = walFilePath(this.#folder, file.slot);
    file.handle ??= await this.#disk.open(path, "create");
    await this.#fill(file, 0);
    await this.#disk.syncFolder(this.#folder);
    file.state = "free";
    this.recount();
  }

  /** Makes the first missing file; none when the disk is full or all are there. */
  async createOne(): Promise<void> {
    const file = this.slots.find((slot) => slot.state === "absent");
    if (file !== undefined && this.#problem === undefined) await this.#made(file);
  }

  async #made(file: WalFile): Promise<boolean> {
    try {
      await this.create(file);
      return true;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      await this.#cannotMake(file, error);
      return false;
    }
  }

  /** What there is of it goes: others may need the room. */
  async #cannotMake(file: WalFile, error: DiskError): Promise<void> {
    const { handle } = file;
    file.handle = undefined;
    file.state = "absent";
    if (this.#problem === undefined)
      this.#log.warn("cannot make more WAL files: the log is smaller than configured", { slot: file.slot, code: error.code });
    this.#problem = error.message;
    this.recount();
    try {
      await handle?.close();
      await this.#disk.remove(walFilePath(this.#folder, file.slot));
    } catch (failed) {
      if (!(failed instanceof DiskError)) throw failed;
    }
  }

  /** Completes a file that an earlier process did not finish filling. */
  async complete(file: WalFile, sizeNow: number): Promise<void> {
    if (sizeNow >= this.fileBytes) return;
    const { state } = file;
    if (state === "free") file.state = "filling";
    await this.#fill(file, sizeNow);
    file.state = state;
  }

  async #fill(file: WalFile, from: number): Promise<void> {
    for (let at = from; at < this.fileBytes && !this.#closed; at += FILL_STEP_BYTES) {
      await file.disk.fill(at, Math.min(at + FILL_STEP_BYTES, this.fileBytes));
      if (!this.#behind) continue;
      if ((at / FILL_STEP_BYTES) % FILL_STEPS_PER_SYNC === 0) await file.disk.sync();
      await sleep(this.#clock, FILL_PAUSE_MS);
    }
    await file.disk.sync();
  }

  /** Creates the missing files, one after the other, behind the back of the writer; on a full disk when there is room again. */
  fillBehind(changed: () => void): void {
    this.#behind = true;
    this.#filling = this.#createMissing(changed);
  }

  async #createMissing(changed: () => void): Promise<void> {
    for (const file of this.slots) {
      while (!this.#closed && file.state === "absent") {
        const isMade = (await this.#hasRoom()) && (await this.#made(file));
        if (this.#closed) return;
        changed();
        if (!isMade) await this.#rest();
      }
    }
    if (this.#problem === undefined || this.#closed) return;
    this.#log.info("the write-ahead log has all of its files");
    this.#problem = undefined;
    this.recount();
    changed();
  }

  /** Once something failed nothing is tried that would take the last room from others. */
  async #hasRoom(): Promise<boolean> {
    if (this.#problem === undefined) return true;
    const free = await this.#disk.freeBytes().catch(() => 0);
    return free >= this.fileBytes + GROW_SPARE_BYTES;
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(GROW_RETRY_MS, resolve);
      this.#endRest = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#endRest?.();
    await this.#filling;
    for (const file of this.slots) await file.handle?.close();
  }
}

function isMissing(state: WalFileState): boolean {
  return state === "absent" || state === "filling";
}
