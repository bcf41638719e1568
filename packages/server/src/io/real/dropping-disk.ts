import type { Disk, DiskFile } from "../disk.ts";
import { DROPPING_UNSYNCED_BYTES_MAX } from "./limits.ts";

/** A change that only this process knows of. */
type Change =
  | Readonly<{ kind: "write"; position: number; bytes: Uint8Array }>
  | Readonly<{ kind: "zero"; from: number; to: number }>
  | Readonly<{ kind: "truncate"; size: number }>;

/** A file's changes since its last sync, oldest first; shared by all its handles, and alive when none is open. */
class UnsyncedFile {
  changes: Change[] = [];
  bytes = 0;
  /** Syncs of a file run one after the other. */
  applied: Promise<void> = Promise.resolve();
}

/**
 * For tests of a real process: a disk in front of another one that keeps what was not synced in memory, so that
 * killing the process loses it, as a power loss would. Names (creations, renames, removals) are passed on at once.
 * Beyond DROPPING_UNSYNCED_BYTES_MAX unsynced bytes of a file they are passed on, as a kernel does.
 */
export class DroppingDisk implements Disk {
  readonly #disk: Disk;
  readonly #files = new Map<string, UnsyncedFile>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  makeFolder(path: string): Promise<void> {
    return this.#disk.makeFolder(path);
  }

  list(path: string): Promise<readonly string[]> {
    return this.#disk.list(path);
  }

  async open(path: string, mode: "create" | "write" | "read"): Promise<DiskFile> {
    const file = await this.#disk.open(path, mode);
    let unsynced = this.#files.get(path);
    if (unsynced === undefined) {
      unsynced = new UnsyncedFile();
      this.#files.set(path, unsynced);
    }
    return new DroppingFile(file, unsynced);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#disk.rename(from, to);
    const unsynced = this.#files.get(from);
    this.#files.delete(from);
    if (unsynced === undefined) this.#files.delete(to);
    else this.#files.set(to, unsynced);
  }

  async remove(path: string): Promise<void> {
    await this.#disk.remove(path);
    this.#files.delete(path);
  }

  syncFolder(path: string): Promise<void> {
    return this.#disk.syncFolder(path);
  }

  freeBytes(): Promise<number> {
    return this.#disk.freeBytes();
  }
}

class DroppingFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #unsynced: UnsyncedFile;

  constructor(file: DiskFile, unsynced: UnsyncedFile) {
    this.#file = file;
    this.#unsynced = unsynced;
  }

  get path(): string {
    return this.#file.path;
  }

  async size(): Promise<number> {
    const changes = [...this.#unsynced.changes];
    return changes.reduce(sizeAfter, await this.#file.size());
  }

  /** What the disk has, with the changes over it. Those that reach the disk meanwhile are applied twice, to the same end. */
  async read(position: number, target: Uint8Array): Promise<number> {
    const changes = [...this.#unsynced.changes];
    if (changes.length === 0) return this.#file.read(position, target);
    let size = await this.#file.size();
    target.fill(0, await this.#file.read(position, target));
    for (const change of changes) {
      if (change.kind === "write") overlay(target, change.position - position, change.bytes);
      else if (change.kind === "zero") blank(target, change.from - position, change.to - position);
      else blank(target, change.size - position, target.byteLength);
      size = sizeAfter(size, change);
    }
    return Math.max(0, Math.min(target.byteLength, size - position));
  }

  async write(position: number, slices: readonly Uint8Array[], sync: boolean): Promise<void> {
    const bytes = Buffer.alloc(slices.reduce((sum, slice) => sum + slice.byteLength, 0));
    slices.reduce((at, slice) => at + Buffer.from(slice.buffer, slice.byteOffset, slice.byteLength).copy(bytes, at), 0);
    this.#unsynced.bytes += bytes.byteLength;
    this.#unsynced.changes.push({ kind: "write", position, bytes });
    if (sync) await this.sync();
    else if (this.#unsynced.bytes > DROPPING_UNSYNCED_BYTES_MAX) await this.#apply();
  }

  async sync(): Promise<void> {
    await this.#apply();
    await this.#file.sync();
  }

  syncBeside(): Promise<void> {
    return this.sync();
  }

  fill(from: number, to: number): Promise<void> {
    this.#unsynced.changes.push({ kind: "zero", from, to });
    return Promise.resolve();
  }

  truncate(size: number): Promise<void> {
    this.#unsynced.changes.push({ kind: "truncate", size });
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#unsynced.applied;
    await this.#file.close();
  }

  /** Everything up to now goes to the disk. */
  #apply(): Promise<void> {
    const unsynced = this.#unsynced;
    const last = unsynced.changes.at(-1);
    unsynced.applied = unsynced.applied.then(async () => {
      const count = last === undefined ? 0 : unsynced.changes.indexOf(last) + 1;
      const changes = unsynced.changes.slice(0, count);
      await Promise.all(changes.map((change) => this.#pass(change)));
      unsynced.changes.splice(0, count);
      for (const change of changes) if (change.kind === "write") unsynced.bytes -= change.bytes.byteLength;
    });
    return unsynced.applied;
  }

  #pass(change: Change): Promise<void> {
    if (change.kind === "write") return this.#file.write(change.position, [change.bytes], false);
    return change.kind === "zero" ? this.#file.fill(change.from, change.to) : this.#file.truncate(change.size);
  }
}

function sizeAfter(size: number, change: Change): number {
  if (change.kind === "write") return change.bytes.byteLength === 0 ? size : Math.max(size, change.position + change.bytes.byteLength);
  return change.kind === "zero" ? Math.max(size, change.to) : change.size;
}

/** Copies what of `bytes`, placed at `at`, lies within the target. */
function overlay(target: Uint8Array, at: number, bytes: Uint8Array): void {
  const start = Math.max(0, at);
  const end = Math.min(target.byteLength, at + bytes.byteLength);
  if (start < end) target.set(bytes.subarray(start - at, end - at), start);
}

function blank(target: Uint8Array, from: number, to: number): void {
  if (to > 0 && from < target.byteLength) target.fill(0, Math.max(0, from), Math.min(to, target.byteLength));
}
