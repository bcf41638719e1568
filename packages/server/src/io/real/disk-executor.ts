import { Worker } from "node:worker_threads";
import { assert, must } from "../../base/assert.ts";
import type { DiskError } from "../disk.ts";
import { diskError } from "./disk-errors.ts";
import {
  type BufferMessage,
  CONSUMED,
  type CompletionMessage,
  createRingMemory,
  KIND,
  type Kind,
  PUBLISHED,
  RECORD_HEAD_WORDS,
  SLEEPING,
  SLICE_WORDS,
  SYNC_CALLS,
  WRITE_CALLS,
} from "./disk-ring.ts";
import { REQUEST_SLICES_MAX, RING_WORDS, STAGING_BYTES } from "./limits.ts";

export type DiskCalls = Readonly<{ writes: number; syncs: number }>;

/** A request before it has a place in the ring. */
type Request = Readonly<{ kind: Kind; id: number; fd: number; position: number; end: number; slices: readonly Uint8Array[] }>;

type Waiting = {
  readonly path: string;
  readonly resolve: () => void;
  readonly reject: (error: DiskError) => void;
  /** Number of a buffer made for this request alone. */
  ownBuffer: number | undefined;
  staged: boolean;
  /** Keeps the memory alive: the ring holds only numbers. */
  slices: readonly Uint8Array[];
};

/**
 * The main thread's side of the disk thread. Requests are collected during a turn of the loop and published together
 * at its end; slices over shared memory are passed by number, others are copied into shared memory first.
 */
export class DiskExecutor {
  readonly #worker: Worker;
  readonly #control: Int32Array;
  readonly #words: Float64Array;
  readonly #waiting = new Map<number, Waiting>();
  /** Requests that found the ring full, in order. */
  #overflow: Request[] = [];
  readonly #buffers = new WeakMap<SharedArrayBuffer, number>();
  readonly #collected = new FinalizationRegistry<number>((number) => this.#post({ buffer: number, memory: undefined }));
  readonly #staging = new Uint8Array(new SharedArrayBuffer(STAGING_BYTES));
  #stagingUsed = 0;
  #stagedRequests = 0;
  #bufferNumber = 0;
  #requestId = 0;
  #written = 0;
  #publishScheduled = false;
  #failure: Error | undefined;
  #stopping = false;
  readonly #exited: Promise<void>;

  constructor() {
    const memory = createRingMemory();
    this.#control = new Int32Array(memory.control);
    this.#words = new Float64Array(memory.words);
    this.#worker = new Worker(new URL("./disk-thread.ts", import.meta.url), {
      workerData: memory,
      name: "disk",
      execArgv: [],
      trackUnmanagedFds: false,
    });
    this.#worker.on("message", (message: CompletionMessage) => this.#complete(message));
    this.#worker.on("error", (error: Error) => this.#fail(error));
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#fail(new Error("the disk thread has ended"));
        resolve();
      });
    });
    this.#worker.unref();
  }

  /** `slices` must not change until the promise settles. Requests of one file take effect in the order of these calls. */
  write(fd: number, path: string, position: number, slices: readonly Uint8Array[], sync: boolean): Promise<void> {
    const kind = sync ? KIND.writeAndSync : KIND.write;
    return this.#submit(kind, fd, path, position, position + byteLength(slices), slices);
  }

  sync(fd: number, path: string): Promise<void> {
    return this.#submit(KIND.sync, fd, path, 0, 0, []);
  }

  fill(fd: number, path: string, from: number, to: number): Promise<void> {
    return this.#submit(KIND.fill, fd, path, from, to, []);
  }

  truncate(fd: number, path: string, size: number): Promise<void> {
    return this.#submit(KIND.truncate, fd, path, 0, size, []);
  }

  close(fd: number, path: string): Promise<void> {
    return this.#submit(KIND.close, fd, path, 0, 0, []);
  }

  /** System calls so far, modulo 2^32: how well requests are merged. Fills are not counted. */
  get calls(): DiskCalls {
    return { writes: Atomics.load(this.#control, WRITE_CALLS) >>> 0, syncs: Atomics.load(this.#control, SYNC_CALLS) >>> 0 };
  }

  /** After everything that was requested is done. */
  async stop(): Promise<void> {
    if (!this.#stopping && this.#failure === undefined) {
      this.#stopping = true;
      this.#worker.ref();
      this.#enter({ kind: KIND.stop, id: 0, fd: -1, position: 0, end: 0, slices: [] });
    }
    await this.#exited;
  }

  #submit(kind: Kind, fd: number, path: string, position: number, end: number, slices: readonly Uint8Array[]): Promise<void> {
    assert(!this.#stopping, "the disk is closed");
    if (this.#failure !== undefined) return Promise.reject(diskError(undefined, `${path}: ${this.#failure.message}`, this.#failure));
    return new Promise((resolve, reject) => {
      this.#requestId += 1;
      if (this.#waiting.size === 0) this.#worker.ref();
      const waiting: Waiting = { path, resolve, reject, ownBuffer: undefined, staged: false, slices };
      this.#waiting.set(this.#requestId, waiting);
      waiting.slices = this.#share(slices, waiting);
      this.#enter({ kind, id: this.#requestId, fd, position, end, slices: waiting.slices });
    });
  }

  /** The slices over shared memory; the same ones when they lie there already. */
  #share(slices: readonly Uint8Array[], waiting: Waiting): readonly Uint8Array[] {
    if (slices.length <= REQUEST_SLICES_MAX && slices.every((slice) => slice.buffer instanceof SharedArrayBuffer)) return slices;
    const bytes = byteLength(slices);
    const target = this.#room(bytes, waiting);
    let at = 0;
    for (const slice of slices) {
      Buffer.from(slice.buffer, slice.byteOffset, slice.byteLength).copy(target, at);
      at += slice.byteLength;
    }
    return [target];
  }

  #room(bytes: number, waiting: Waiting): Uint8Array {
    if (bytes > STAGING_BYTES - this.#stagingUsed) {
      const own = new Uint8Array(new SharedArrayBuffer(bytes));
      waiting.ownBuffer = this.#numberOf(own.buffer);
      return own;
    }
    const room = this.#staging.subarray(this.#stagingUsed, this.#stagingUsed + bytes);
    this.#stagingUsed += bytes;
    this.#stagedRequests += 1;
    waiting.staged = true;
    return room;
  }

  #enter(request: Request): void {
    if (this.#overflow.length > 0 || !this.#encode(request)) this.#overflow.push(request);
    this.#publishLater();
  }

  #publishLater(): void {
    if (this.#publishScheduled) return;
    this.#publishScheduled = true;
    setImmediate(() => this.#publish());
  }

  #publish(): void {
    this.#publishScheduled = false;
    Atomics.store(this.#control, PUBLISHED, this.#written);
    if (Atomics.load(this.#control, SLEEPING) === 1) Atomics.notify(this.#control, PUBLISHED);
  }

  /** False when the ring has no room for it now. */
  #encode(request: Request): boolean {
    const { kind, id, fd, position, end, slices } = request;
    const length = RECORD_HEAD_WORDS + SLICE_WORDS * slices.length;
    const index = this.#written & (RING_WORDS - 1);
    const skipped = index + length > RING_WORDS ? RING_WORDS - index : 0;
    const used = (this.#written - Atomics.load(this.#control, CONSUMED)) | 0;
    if (used + skipped + length > RING_WORDS) return false;
    if (skipped > 0) {
      this.#words[index] = skipped;
      if (skipped > 1) this.#words[index + 1] = KIND.skip;
    }
    let at = skipped > 0 ? 0 : index;
    for (const word of [length, kind, id, fd, position, end]) this.#words[at++] = word;
    for (const slice of slices) {
      this.#words[at++] = this.#numberOf(slice.buffer as SharedArrayBuffer);
      this.#words[at++] = slice.byteOffset;
      this.#words[at++] = slice.byteLength;
    }
    this.#written = (this.#written + skipped + length) | 0;
    return true;
  }

  #numberOf(memory: SharedArrayBuffer): number {
    let number = this.#buffers.get(memory);
    if (number === undefined) {
      number = ++this.#bufferNumber;
      this.#buffers.set(memory, number);
      this.#collected.register(memory, number);
      this.#post({ buffer: number, memory });
    }
    return number;
  }

  #post(message: BufferMessage): void {
    this.#worker.postMessage(message);
  }

  #complete(message: CompletionMessage): void {
    for (const id of message.done) this.#release(id).resolve();
    for (const [id, code, text] of message.failed) {
      const waiting = this.#release(id);
      waiting.reject(diskError(code, `${waiting.path}: ${text}`));
    }
    if (this.#waiting.size === 0) this.#worker.unref();
    if (this.#overflow.length > 0) this.#enterOverflow();
  }

  #enterOverflow(): void {
    let entered = 0;
    while (entered < this.#overflow.length && this.#encode(this.#overflow[entered] as Request)) entered += 1;
    this.#overflow.splice(0, entered);
    this.#publishLater();
  }

  #release(id: number): Waiting {
    const waiting = must(this.#waiting.get(id), `disk request ${id}`);
    this.#waiting.delete(id);
    if (waiting.ownBuffer !== undefined) this.#post({ buffer: waiting.ownBuffer, memory: undefined });
    if (waiting.staged) {
      this.#stagedRequests -= 1;
      if (this.#stagedRequests === 0) this.#stagingUsed = 0;
    }
    return waiting;
  }

  /** The thread is gone: nobody knows what of the requests was done. */
  #fail(error: Error): void {
    this.#failure ??= error;
    this.#overflow = [];
    for (const waiting of this.#waiting.values()) waiting.reject(diskError(undefined, `${waiting.path}: ${this.#failure.message}`, error));
    this.#waiting.clear();
  }
}

function byteLength(slices: readonly Uint8Array[]): number {
  return slices.reduce((sum, slice) => sum + slice.byteLength, 0);
}
