import type { Clock, Timer } from "../io/clock.ts";
import type { FileEmptier } from "./file-emptier.ts";
import { FIRST_GROUP_POSITION } from "./file-header-codec.ts";
import {
  COPY_SHARE_MAX,
  COPY_SHARE_SHORT,
  FILE_SLACK_BYTES,
  REUSE_PAUSE_MS,
  SHORT_DEPTH,
  STUCK_SHARE,
  UNREADABLE_PAUSE_MS,
} from "./limits.ts";
import { isUnreadable } from "./log-reads.ts";
import type { LiveBytes } from "./partition-log.ts";
import type { Space } from "./space.ts";
import type { WalFile } from "./wal-file.ts";
import type { WalFiles } from "./wal-files.ts";
import type { WalPartition } from "./wal-partition.ts";
import type { WalWriter } from "./wal-writer.ts";

export type ReuseCounters = { freed: number; copiedFiles: number; retries: number };

/** Frees files when space is wanted: the oldest first, while at most half of it still counts; else the emptiest. */
export class Reuse {
  readonly counters: ReuseCounters = { freed: 0, copiedFiles: 0, retries: 0 };
  readonly #files: WalFiles;
  readonly #writer: WalWriter;
  readonly #emptier: FileEmptier;
  readonly #live: LiveBytes;
  readonly #space: () => Space;
  readonly #clock: Clock;
  readonly #fatal: (error: Error) => void;
  #enabled = false;
  #busy = false;
  #wakeScheduled = false;
  #wokenAgain = false;
  #resting: Timer | undefined;
  #pinning: WalPartition[] = [];
  #reusable = 0;
  #reusableKnown = false;
  #done: Promise<void> = Promise.resolve();

  constructor(
    files: WalFiles,
    writer: WalWriter,
    emptier: FileEmptier,
    live: LiveBytes,
    space: () => Space,
    clock: Clock,
    fatal: (error: Error) => void,
  ) {
    this.#files = files;
    this.#writer = writer;
    this.#emptier = emptier;
    this.#live = live;
    this.#space = space;
    this.#clock = clock;
    this.#fatal = fatal;
  }

  /** Folds exist: bases can be asked for. */
  enable(): void {
    this.#enabled = true;
    if (this.#isWanted()) this.#begin();
  }

  /** Resolves when everything is free that is wanted, or can be. */
  idle(): Promise<void> {
    return this.#done;
  }

  /** Waits for the file in work; nothing is freed any more. */
  async stop(): Promise<void> {
    this.#enabled = false;
    this.#resting?.cancel();
    await this.#done;
  }

  /** Bytes of files in which nothing waits for an upload: they can be freed without one. */
  reusableBytes(): number {
    if (this.#reusableKnown) return this.#reusable;
    const oldest = this.#emptier.oldestLiveIncarnation();
    let count = 0;
    for (const file of this.#files.slots) if (file.state === "full" && file.incarnation < oldest) count += 1;
    this.#reusable = count * this.#files.fileBytes;
    this.#reusableKnown = true;
    return this.#reusable;
  }

  /** Something changed: a file was taken, an upload was committed. */
  wake(): void {
    this.#reusableKnown = false;
    if (!this.#enabled) return;
    if (this.#busy) {
      this.#wokenAgain = true;
      return;
    }
    if (this.#wakeScheduled || !this.#isWanted()) return;
    this.#wakeScheduled = true;
    this.#clock.after(REUSE_PAUSE_MS, () => {
      this.#wakeScheduled = false;
      if (!this.#busy && this.#enabled) this.#begin();
    });
  }

  #begin(): void {
    this.#done = this.#run().catch(this.#failed);
  }

  readonly #failed = (error: unknown): void => {
    this.#busy = false;
    this.#fatal(error instanceof Error ? error : new Error(String(error)));
  };

  freeBytes(): number {
    return (this.#files.freeCount + this.#files.absentCount) * this.#files.fileBytes + this.#writer.assembly.room;
  }

  /** A file is being emptied: it needs room at the head. */
  get isBusy(): boolean {
    return this.#busy;
  }

  /** Uploads of others go well, its own have not for long: it is refused alone when it makes space short. */
  isStuck(p: WalPartition): boolean {
    return this.#live.uploadedAt - p.uploadedAt > this.#space().capacityBytes * STUCK_SHARE;
  }

  #isWanted(): boolean {
    return this.freeBytes() < this.#space().wantedBelow;
  }

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#enabled && this.#isWanted()) {
      this.#wokenAgain = false;
      const file = this.#choose();
      if (file === undefined) break;
      try {
        if (await this.#emptier.empty(file)) await this.#free(file);
        else this.counters.retries += 1;
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        this.counters.retries += 1;
        return this.#rest();
      }
    }
    this.#busy = false;
    if (this.#wokenAgain) this.wake();
  }

  /** The disk fails to read what was to be copied: not at once again. */
  #rest(): void {
    this.#resting = this.#clock.after(UNREADABLE_PAUSE_MS, () => {
      this.#resting = undefined;
      this.#busy = false;
      this.wake();
    });
  }

  async #free(file: WalFile): Promise<void> {
    this.#emptier.free(file);
    await this.#writer.allSynced();
    await this.#files.release(file);
    this.counters.freed += 1;
    this.#reusableKnown = false;
  }

  /** The file to be emptied next; undefined when too much counts everywhere. */
  #choose(): WalFile | undefined {
    let best: WalFile | undefined;
    let bestLoad = Number.MAX_SAFE_INTEGER;
    let isOldest = true;
    for (const file of this.#files.inUse()) {
      if (file.state !== "full" || file.freeing || file.lastGroup > this.#writer.written) continue;
      const { liveBytes, baseBytes, pinning, isNeeded } = this.#emptier.load(file);
      if (isOldest) this.#setPinning(pinning);
      const load = liveBytes + baseBytes;
      if (!isNeeded && load < bestLoad && this.#isWorthIt(file, pinning, load) && this.#hasRoomFor(load)) {
        best = file;
        bestLoad = load;
        if (isOldest || load === 0) break;
      }
      isOldest = false;
    }
    if (best !== undefined && bestLoad > 0) this.counters.copiedFiles += 1;
    return best;
  }

  /**
   * Not too much of what was written there still counts, or it was left almost empty (by a restart): else copying gains nothing.
   * Batches are mostly uploaded soon: they are copied only when space gets short, behind uploads that slow producers down a
   * little, or when they cannot be.
   */
  #isWorthIt(file: WalFile, pinning: readonly WalPartition[], load: number): boolean {
    const used = file.end - FIRST_GROUP_POSITION;
    if (used <= this.#files.fileBytes / 4) return true;
    const { throttleBelow, refuseBelow } = this.#space();
    const isShort = this.freeBytes() < throttleBelow - (throttleBelow - refuseBelow) * SHORT_DEPTH;
    if (!isShort && !pinning.every((p) => this.isStuck(p))) return false;
    return load <= used * (isShort ? COPY_SHARE_SHORT : COPY_SHARE_MAX);
  }

  /** Copies may use the reserve, but never the last free file: the next start needs it. */
  #hasRoomFor(bytes: number): boolean {
    const needed = bytes * 1.25 + FILE_SLACK_BYTES;
    // What does not fit into the rest of the current file may leave that rest unused.
    return needed <= this.#writer.assembly.room || needed <= (this.#files.freeCount - 1) * this.#files.fileBytes;
  }

  /** These keep the oldest file from being freed: when space gets short they are refused first. */
  #setPinning(partitions: WalPartition[]): void {
    for (const p of this.#pinning) p.pinsOldest = false;
    this.#pinning = partitions;
    for (const p of partitions) p.pinsOldest = true;
  }
}
