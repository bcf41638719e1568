import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../../base/assert.ts";
import type { DiskFile } from "../../io/disk.ts";
import type { SimDisk } from "./disk.ts";
import { type DiskFileState, type FileChange, randomFront } from "./disk-file-state.ts";
import type { SimProcess } from "./process.ts";
import { checksumOf, concatenate } from "./slices.ts";

/** A call of the thread that has not happened yet. */
export type PendingCall = Readonly<{ happen: () => void; happenPartly: () => void }>;

/** Of one open file: calls take effect in their order. */
export class CallQueue {
  readonly pending: PendingCall[] = [];
  lastDueMs = 0;
}

/** A file as one process has it open. */
export class SimDiskFile implements DiskFile {
  readonly path: string;
  readonly #disk: SimDisk;
  readonly #process: SimProcess;
  readonly #state: DiskFileState;
  readonly #queue: CallQueue;
  #open = true;

  constructor(disk: SimDisk, process: SimProcess, path: string, state: DiskFileState, queue: CallQueue) {
    this.path = path;
    this.#disk = disk;
    this.#process = process;
    this.#state = state;
    this.#queue = queue;
  }

  size(): Promise<number> {
    this.#assertOpen();
    return this.#process.call(this.#disk.random.withinMs(this.#disk.faults.readMs), () => this.#state.current.size);
  }

  read(position: number, target: Uint8Array): Promise<number> {
    this.#assertOpen();
    assert(Number.isSafeInteger(position) && position >= 0, "a position in a file is a whole number");
    return this.#process.call(this.#disk.random.withinMs(this.#disk.faults.readMs), () => {
      this.#disk.counts.reads += 1;
      this.#disk.mayFail(this.#disk.faults.readErrorRatio, `read ${this.path}`);
      return this.#state.current.read(position, target);
    });
  }

  /** One call behind the other: what waits for its sync has been written, and a crash finds it in the kernel's memory. */
  async write(position: number, slices: readonly Uint8Array[], sync: boolean): Promise<void> {
    this.#assertOpen();
    assert(Number.isSafeInteger(position) && position >= 0, "a position in a file is a whole number");
    const checksum = checksumOf(slices);
    const { faults, random } = this.#disk;
    const change = (): Extract<FileChange, { kind: "write" }> => {
      assert(checksumOf(slices) === checksum, `slices changed while they were being written to ${this.path}`);
      return { kind: "write", position, bytes: concatenate(slices) };
    };
    const writeMs = random.withinMs(faults.writeMs);
    let isWritten = false;
    const written = this.#enqueue(
      writeMs,
      () => {
        this.#write(change());
        isWritten = true;
      },
      () => this.#state.apply(randomFront(change(), random)),
    );
    if (!sync) return written;
    const synced = this.#enqueue(
      writeMs + this.#syncMs(),
      () => (isWritten ? this.#sync() : undefined),
      () => {},
    );
    await Promise.all([written, synced]);
  }

  sync(): Promise<void> {
    this.#assertOpen();
    return this.#enqueue(
      this.#syncMs(),
      () => this.#sync(),
      () => {},
    );
  }

  syncBeside(): Promise<void> {
    this.#assertOpen();
    const mark = this.#state.changeCount;
    return this.#process.call(this.#syncMs(), () => this.#sync(mark));
  }

  fill(from: number, to: number): Promise<void> {
    this.#assertOpen();
    assert(from <= to, "a range does not end before it starts");
    const change: FileChange = { kind: "zero", from, to };
    return this.#enqueue(
      this.#disk.random.withinMs(this.#disk.faults.writeMs),
      () => this.#write(change),
      () => this.#state.apply(randomFront(change, this.#disk.random)),
    );
  }

  truncate(size: number): Promise<void> {
    this.#assertOpen();
    return this.#enqueue(
      this.#disk.random.withinMs(this.#disk.faults.writeMs),
      () => this.#write({ kind: "truncate", size }),
      () => {},
    );
  }

  close(): Promise<void> {
    this.#assertOpen();
    this.#open = false;
    return this.#enqueue(
      0,
      () => {},
      () => {},
    );
  }

  #syncMs(): number {
    const { faults, random } = this.#disk;
    const isSlow = faults.slowFolder !== "" && this.path.startsWith(`${faults.slowFolder}/`);
    return random.withinMs(isSlow ? faults.slowSyncMs : faults.syncMs);
  }

  #write(change: FileChange): void {
    const { counts, faults, random, world } = this.#disk;
    this.#disk.mayChange(this.path);
    if (this.#disk.isFaulty(this.path, faults.writeErrorRatio)) {
      this.#state.apply(randomFront(change, random));
      this.#disk.mayFail(1, `write ${this.path}`);
    }
    this.#disk.change(this.#state, change);
    counts.writes += 1;
    world.trace.number(this.#state.id);
    if (change.kind === "write") {
      counts.writtenBytes += change.bytes.byteLength;
      world.trace.number(change.position);
      world.trace.number(crc32c(change.bytes));
    }
  }

  /** Of the changes up to `mark`, or all. */
  #sync(mark = Number.POSITIVE_INFINITY): void {
    const { counts, faults, random, world } = this.#disk;
    this.#disk.mayChange(this.path);
    if (this.#disk.isFaulty(this.path, faults.syncErrorRatio)) {
      this.#state.forgetUnsynced();
      this.#disk.mayFail(1, `sync ${this.path}`);
    }
    counts.syncs += 1;
    world.trace.number(-this.#state.id);
    if (!random.chance(faults.lyingSyncRatio)) this.#state.sync(mark);
  }

  #enqueue(latencyMs: number, happen: () => void, happenPartly: () => void): Promise<void> {
    const queue = this.#queue;
    const call: PendingCall = { happen, happenPartly };
    queue.pending.push(call);
    const { nowMs } = this.#disk.world;
    queue.lastDueMs = Math.max(queue.lastDueMs, nowMs + latencyMs);
    return this.#process.callAt(queue.lastDueMs, () => {
      assert(queue.pending.shift() === call, "calls of a file take effect in their order");
      happen();
    });
  }

  #assertOpen(): void {
    assert(this.#open, `${this.path} is closed`);
  }
}
