import { assert } from "../../base/assert.ts";
import { type Disk, DiskError, type DiskFile } from "../../io/disk.ts";
import { assertDiskPath, folderOf, ROOT } from "../../io/disk-path.ts";
import { CallQueue, type PendingCall, SimDiskFile } from "./disk-file.ts";
import { DiskFileState, type FileChange, frontOf, type PowerLoss } from "./disk-file-state.ts";
import { type DiskEntry, DiskNames } from "./disk-names.ts";
import type { SimProcess } from "./process.ts";
import type { MsRange, SimRandom } from "./random.ts";
import type { SimWorld } from "./sim-world.ts";

/** Everything that can go wrong, and how long things take. Changeable at any time; without faults by default. */
export type SimDiskFaults = {
  writeMs: MsRange;
  syncMs: MsRange;
  /** Another device is mounted in this folder, with syncs of its own; empty: none. */
  slowFolder: string;
  slowSyncMs: MsRange;
  readMs: MsRange;
  /** Open, list, rename, remove, sync of a folder. */
  nameMs: MsRange;
  /** Probability that a call fails with `io`; a failed write has written any front of itself. */
  writeErrorRatio: number;
  syncErrorRatio: number;
  /** Those two happen in files whose paths begin so. */
  errorsIn: string;
  readErrorRatio: number;
  /** Sum of all file sizes; beyond it `no-space`. */
  capacityBytes: number;
  /** Everything that would change the disk fails with `read-only`. */
  readOnly: boolean;
  /** Probability that a sync reports success and did nothing (for tests that must fail then). */
  lyingSyncRatio: number;
  /** The same for the sync of a folder. */
  lyingFolderSyncRatio: number;
  powerLoss: PowerLoss;
  /** Probability that an unsynced creation, rename or removal survives a power loss. */
  namesKeptRatio: number;
  /** Beyond so many unsynced bytes of one file the kernel writes the oldest back by itself. */
  unsyncedBytesMax: number;
};

export const HEALTHY_DISK: SimDiskFaults = {
  writeMs: [0.02, 0.1],
  syncMs: [0.1, 1],
  slowFolder: "",
  slowSyncMs: [0.1, 1],
  readMs: [0.02, 0.2],
  nameMs: [0.02, 0.2],
  writeErrorRatio: 0,
  syncErrorRatio: 0,
  errorsIn: "",
  readErrorRatio: 0,
  capacityBytes: Number.POSITIVE_INFINITY,
  readOnly: false,
  lyingSyncRatio: 0,
  lyingFolderSyncRatio: 0,
  powerLoss: { keptRatio: 0.3, tornRatio: 0.4 },
  namesKeptRatio: 0.5,
  unsyncedBytesMax: 16 * 1024 * 1024,
};

/**
 * The disk of one machine; it outlives the processes that mount it. A crash of the process loses nothing that a write
 * completed; calls in flight have then happened, in order per file, up to a random one. `losePower` loses what was not synced.
 */
export class SimDisk {
  readonly world: SimWorld;
  readonly name: string;
  readonly faults: SimDiskFaults;
  readonly random: SimRandom;
  readonly names = new DiskNames();
  /** Plain counters, for checkers. */
  readonly counts = { writes: 0, writtenBytes: 0, syncs: 0, reads: 0, faults: 0 };
  #mounted: SimProcess | undefined;
  #fileIds = 0;

  constructor(world: SimWorld, name: string, faults: Partial<SimDiskFaults> = {}) {
    this.world = world;
    this.name = name;
    this.random = world.random.fork(`disk ${name}`);
    this.faults = { ...HEALTHY_DISK, ...faults };
  }

  /** The disk as this process sees it. One process at a time. */
  mount(process: SimProcess): Disk {
    assert(this.#mounted?.alive !== true, "a data folder belongs to one process at a time");
    this.#mounted = process;
    return new MountedDisk(this, process);
  }

  /** The machine loses power: its process ends and every change that was not synced is kept, torn or lost. */
  losePower(): void {
    this.#mounted?.crash();
    const open = this.names.files();
    this.names.losePower(this.random, this.faults.namesKeptRatio);
    for (const file of new Set([...open, ...this.names.files()])) file.losePower(this.random, this.faults.powerLoss);
    this.world.trace.text(`power ${this.name}`);
  }

  /** Turns over `count` random bits in [from, to) of a file. */
  flipBits(path: string, from: number, to: number, count = 1): void {
    const file = this.file(path);
    for (let flip = 0; flip < count; flip++) file.flipBit(this.random.between(from, to - 1), this.random.between(0, 7));
  }

  /** What a program would read now. */
  contents(path: string): Uint8Array {
    const { current } = this.file(path);
    const bytes = new Uint8Array(current.size);
    current.read(0, bytes);
    return bytes;
  }

  /** For damage on demand: overwrites bytes of a file, on the platter and in the cache, without anybody's knowledge. */
  overwrite(path: string, position: number, bytes: Uint8Array): void {
    const file = this.file(path);
    file.current.write(position, bytes);
    file.durable.write(position, bytes);
  }

  file(path: string): DiskFileState {
    return asFile(this.names.get(path), path);
  }

  newFile(): DiskFileState {
    this.#fileIds += 1;
    return new DiskFileState(this.#fileIds);
  }

  usedBytes(): number {
    return this.names.files().reduce((sum, file) => sum + file.current.size, 0);
  }

  /** Fails now and then, as the faults say. */
  mayFail(ratio: number, what: string): void {
    if (!this.random.chance(ratio)) return;
    this.counts.faults += 1;
    throw new DiskError("io", `${what}: simulated input/output error, disk=${this.name}`);
  }

  /** Whether a write or sync of this file fails, with such a probability. */
  isFaulty(path: string, ratio: number): boolean {
    return path.startsWith(this.faults.errorsIn) && this.random.chance(ratio);
  }

  mayChange(what: string): void {
    if (this.faults.readOnly) throw new DiskError("read-only", `${what}: the file system is read-only, disk=${this.name}`);
  }

  /** Applies the change or, when it does not fit, its front. */
  change(file: DiskFileState, change: FileChange): void {
    const room =
      this.faults.capacityBytes === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : this.faults.capacityBytes - this.usedBytes();
    const { size } = file.current;
    const end = change.kind === "write" ? change.position + change.bytes.byteLength : change.kind === "zero" ? change.to : size;
    if (end - size <= room) {
      file.apply(change);
    } else {
      file.apply(frontOf(change, Math.max(0, room + size - startOf(change))));
      this.counts.faults += 1;
      throw new DiskError("no-space", `no space left, disk=${this.name}`);
    }
    file.writeBack(this.faults.unsyncedBytesMax);
  }
}

class MountedDisk implements Disk {
  readonly #disk: SimDisk;
  readonly #process: SimProcess;
  /** By file, so that two handles of one file keep the order too. */
  readonly #queues = new Map<DiskFileState, CallQueue>();

  constructor(disk: SimDisk, process: SimProcess) {
    this.#disk = disk;
    this.#process = process;
    process.onCrash(() => this.#finishCallsInFlight());
  }

  makeFolder(path: string): Promise<void> {
    assertDiskPath(path);
    return this.#nameCall(() => {
      this.#disk.mayChange(path);
      const segments = path.split("/");
      for (let count = 1; count <= segments.length; count++) {
        const folder = segments.slice(0, count).join("/");
        const entry = this.#disk.names.get(folder);
        if (entry === undefined) this.#disk.names.set(folder, "folder");
        else if (entry !== "folder") throw new DiskError("exists", `${folder} is a file`);
      }
    });
  }

  list(path: string): Promise<readonly string[]> {
    if (path !== ROOT) assertDiskPath(path);
    return this.#nameCall(() => this.#disk.names.list(path));
  }

  open(path: string, mode: "create" | "write" | "read"): Promise<DiskFile> {
    assertDiskPath(path);
    return this.#nameCall(() => {
      if (mode !== "read") this.#disk.mayChange(path);
      const state = mode === "create" ? this.#create(path) : asFile(this.#disk.names.get(path), path);
      return new SimDiskFile(this.#disk, this.#process, path, state, this.#queue(state));
    });
  }

  rename(from: string, to: string): Promise<void> {
    assertDiskPath(from);
    assertDiskPath(to);
    return this.#nameCall(() => {
      this.#disk.mayChange(from);
      asFile(this.#disk.names.get(from), from);
      this.#checkFolder(to);
      this.#disk.names.rename(from, to);
    });
  }

  remove(path: string): Promise<void> {
    assertDiskPath(path);
    return this.#nameCall(() => {
      this.#disk.mayChange(path);
      const entry = this.#disk.names.get(path);
      if (entry === "folder") throw new DiskError("denied", `${path} is a folder`);
      if (entry !== undefined) this.#disk.names.remove(path);
    });
  }

  syncFolder(path: string): Promise<void> {
    if (path !== ROOT) assertDiskPath(path);
    return this.#nameCall(() => {
      if (this.#disk.names.get(path) !== "folder") throw new DiskError("not-found", `no folder ${path}`);
      this.#disk.mayFail(this.#disk.faults.syncErrorRatio, `sync ${path}`);
      if (!this.#disk.random.chance(this.#disk.faults.lyingFolderSyncRatio)) this.#disk.names.sync(path);
    });
  }

  freeBytes(): Promise<number> {
    const capacityBytes = Math.min(this.#disk.faults.capacityBytes, Number.MAX_SAFE_INTEGER);
    return this.#nameCall(() => Math.max(0, capacityBytes - this.#disk.usedBytes()));
  }

  #create(path: string): DiskFileState {
    if (this.#disk.names.get(path) !== undefined) throw new DiskError("exists", `${path} exists`);
    this.#checkFolder(path);
    const state = this.#disk.newFile();
    this.#disk.names.set(path, state);
    return state;
  }

  #checkFolder(path: string): void {
    if (this.#disk.names.get(folderOf(path)) !== "folder") throw new DiskError("not-found", `no folder for ${path}`);
  }

  #nameCall<T>(act: () => T): Promise<T> {
    return this.#process.call(this.#disk.random.withinMs(this.#disk.faults.nameMs), act);
  }

  #queue(state: DiskFileState): CallQueue {
    let queue = this.#queues.get(state);
    if (queue === undefined) {
      queue = new CallQueue();
      this.#queues.set(state, queue);
    }
    return queue;
  }

  /** The kernel had got some of the calls: those take effect, one perhaps in part. Nobody is told. */
  #finishCallsInFlight(): void {
    for (const { pending } of this.#queues.values()) {
      const count = this.#disk.random.between(0, pending.length);
      for (const call of pending.slice(0, count)) ignoreErrors(call.happen);
      if (count < pending.length && this.#disk.random.chance(0.5)) ignoreErrors((pending[count] as PendingCall).happenPartly);
      pending.length = 0;
    }
  }
}

function asFile(entry: DiskEntry | undefined, path: string): DiskFileState {
  if (entry === undefined) throw new DiskError("not-found", `no file ${path}`);
  if (entry === "folder") throw new DiskError("denied", `${path} is a folder`);
  return entry;
}

function startOf(change: FileChange): number {
  return change.kind === "write" ? change.position : change.kind === "zero" ? change.from : change.size;
}

function ignoreErrors(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}
