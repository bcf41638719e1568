import { must } from "../base/assert.ts";
import type { DiskFile } from "../io/disk.ts";
import { FIRST_GROUP_POSITION, type NeededFile } from "./file-header-codec.ts";

/**
 * absent: not made yet · filling: zeros are being written · free: may be taken · current: being written ·
 * full: groups that may count · dead: freed, but a read still uses it.
 */
export type WalFileState = "absent" | "filling" | "free" | "current" | "full" | "dead";

/** One slot and, from `current` to `dead`, the incarnation that lies in it. */
export class WalFile {
  readonly slot: number;
  state: WalFileState = "absent";
  handle: DiskFile | undefined;
  incarnation = 0;
  run = 0;
  /** Groups that count, both included; `lastGroup` = `firstGroup` − 1: none. */
  firstGroup = 0;
  lastGroup = 0;
  offsetsBefore = 0;
  /** Behind the newest group. */
  end = FIRST_GROUP_POSITION;
  /** What the header on disk names. */
  needed: readonly NeededFile[] = [];
  headerWritten = false;
  /** Bytes whose write is complete, since the last sync. */
  unsyncedBytes = 0;
  /** The entry that frees it is appended. */
  freeing = false;
  #readers = 0;
  #idle: (() => void) | undefined;

  constructor(slot: number) {
    this.slot = slot;
  }

  get inUse(): boolean {
    return this.state === "current" || this.state === "full";
  }

  get disk(): DiskFile {
    return must(this.handle, `the open file of slot ${this.slot}`);
  }

  /** Keeps the file from being overwritten until `readerLeft`. */
  readerEntered(): void {
    this.#readers += 1;
  }

  readerLeft(): void {
    this.#readers -= 1;
    if (this.#readers === 0) this.#idle?.();
  }

  /** Resolves when nobody reads. Only one waits. */
  unread(): Promise<void> {
    if (this.#readers === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = () => {
        this.#idle = undefined;
        resolve();
      };
    });
  }

  /** Nothing of the incarnation counts any more. */
  reset(): void {
    this.state = "free";
    this.incarnation = 0;
    this.run = 0;
    this.firstGroup = 0;
    this.lastGroup = 0;
    this.offsetsBefore = 0;
    this.end = FIRST_GROUP_POSITION;
    this.needed = [];
    this.headerWritten = false;
    this.unsyncedBytes = 0;
    this.freeing = false;
  }
}

/** `wal/00012.wal` */
export function walFilePath(folder: string, slot: number): string {
  return `${folder}/${String(slot).padStart(5, "0")}.wal`;
}

/** The slot of a name that `walFilePath` made, else undefined. */
export function slotOf(name: string): number | undefined {
  return /^\d{5}\.wal$/.test(name) ? Number(name.slice(0, 5)) : undefined;
}
