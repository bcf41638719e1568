// The disk thread: performs writes and syncs with synchronous calls, so that no other file operation delays them.
// Everything that has arrived is done in one go: neighbouring writes in one system call, one sync per file.
import { closeSync, fdatasyncSync, ftruncateSync } from "node:fs";
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { must } from "../../base/assert.ts";
import { errorCodeOf, messageOf } from "./disk-errors.ts";
import {
  type BufferMessage,
  CONSUMED,
  type CompletionMessage,
  type DiskRingMemory,
  KIND,
  type Kind,
  PUBLISHED,
  RECORD_HEAD_WORDS,
  SLEEPING,
  SLICE_WORDS,
  SYNC_CALLS,
  WRITE_CALLS,
} from "./disk-ring.ts";
import { BYTES_PER_CALL_MAX, FILL_CHUNK_BYTES, RING_WORDS, SLICES_PER_CALL_MAX } from "./limits.ts";
import { writeFully } from "./write-fully.ts";

type Request = Readonly<{ kind: Kind; id: number; fd: number; position: number; end: number; slices: Uint8Array[] }>;

/** A fill in progress, and the requests of its file that must wait for it. */
type Fill = { readonly id: number; readonly fd: number; at: number; readonly end: number; readonly held: Request[] };

/** Neighbouring writes that become one system call. */
type Run = { fd: number; position: number; end: number; slices: Uint8Array[]; requests: Request[] };

class DiskThread {
  readonly #port: MessagePort;
  readonly #control: Int32Array;
  readonly #words: Float64Array;
  readonly #buffers = new Map<number, SharedArrayBuffer>();
  readonly #fills = new Map<number, Fill>();
  readonly #zeros = new Uint8Array(FILL_CHUNK_BYTES);
  #consumed = 0;
  #run: Run | undefined;
  /** File → requests that wait for its sync. */
  #syncs = new Map<number, number[]>();
  #done: number[] = [];
  #failed: [number, string, string][] = [];
  #stopped = false;

  constructor(memory: DiskRingMemory, port: MessagePort) {
    this.#port = port;
    this.#control = new Int32Array(memory.control);
    this.#words = new Float64Array(memory.words);
  }

  loop(): void {
    while (!this.#stopped) {
      const requests = this.#take();
      if (requests.length > 0) this.#perform(requests);
      else if (this.#fills.size === 0) this.#sleep();
      this.#fillOneChunk();
    }
    this.#port.close();
  }

  /** Every request published so far. */
  #take(): Request[] {
    const published = Atomics.load(this.#control, PUBLISHED);
    const requests: Request[] = [];
    while (this.#consumed !== published) {
      const at = this.#consumed & (RING_WORDS - 1);
      const isSkip = at + 1 === RING_WORDS || this.#word(at + 1) === KIND.skip;
      if (!isSkip) requests.push(this.#decode(at));
      this.#consumed = (this.#consumed + this.#word(at)) | 0;
    }
    Atomics.store(this.#control, CONSUMED, this.#consumed);
    return requests;
  }

  #decode(at: number): Request {
    const slices: Uint8Array[] = [];
    const end = at + this.#word(at);
    for (let word = at + RECORD_HEAD_WORDS; word < end; word += SLICE_WORDS) {
      slices.push(new Uint8Array(this.#buffer(this.#word(word)), this.#word(word + 1), this.#word(word + 2)));
    }
    const [kind, id, fd, position, last] = [1, 2, 3, 4, 5].map((offset) => this.#word(at + offset)) as [
      Kind,
      number,
      number,
      number,
      number,
    ];
    return { kind, id, fd, position, end: last, slices };
  }

  /** Only when nothing was published since the last `take`. */
  #sleep(): void {
    this.#takeBuffers();
    Atomics.store(this.#control, SLEEPING, 1);
    Atomics.wait(this.#control, PUBLISHED, this.#consumed);
    Atomics.store(this.#control, SLEEPING, 0);
  }

  #perform(requests: readonly Request[]): void {
    for (const request of requests) this.#performOne(request);
    this.#finishRun();
    if (this.#syncs.size > 0) {
      this.#report(); // who did not ask for the sync does not wait for it
      for (const fd of [...this.#syncs.keys()]) this.#sync(fd);
    }
    this.#report();
  }

  #performOne(request: Request): void {
    const { kind, id, fd } = request;
    const fill = this.#fills.get(fd);
    if (fill !== undefined && kind !== KIND.stop) {
      fill.held.push(request);
      return;
    }
    if (kind === KIND.write || kind === KIND.writeAndSync) return this.#joinRun(request);
    this.#finishRun();
    if (kind === KIND.sync) this.#syncLater(fd, id);
    else if (kind === KIND.fill) this.#fills.set(fd, { id, fd, at: request.position, end: request.end, held: [] });
    else if (kind === KIND.truncate) this.#attempt([id], () => ftruncateSync(fd, request.end));
    else if (kind === KIND.close) this.#close(fd, id);
    else this.#stopped = true;
  }

  #joinRun(request: Request): void {
    const { fd, position, slices } = request;
    const run = this.#run;
    const fits =
      run !== undefined && run.slices.length + slices.length <= SLICES_PER_CALL_MAX && run.end - run.position < BYTES_PER_CALL_MAX;
    if (run === undefined || run.fd !== fd || run.end !== position || !fits) {
      this.#finishRun();
      this.#run = { fd, position, end: request.end, slices, requests: [request] };
      return;
    }
    for (const slice of slices) run.slices.push(slice);
    run.requests.push(request);
    run.end = request.end;
  }

  #finishRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    try {
      writeFully(run.fd, run.slices, run.position);
      Atomics.add(this.#control, WRITE_CALLS, 1);
    } catch (error) {
      for (const { id } of run.requests) this.#fail(id, error);
      return;
    }
    for (const { kind, id, fd } of run.requests) {
      if (kind === KIND.write) this.#done.push(id);
      else this.#syncLater(fd, id);
    }
  }

  #syncLater(fd: number, id: number): void {
    const waiting = this.#syncs.get(fd);
    if (waiting === undefined) this.#syncs.set(fd, [id]);
    else waiting.push(id);
  }

  #sync(fd: number): void {
    const waiting = this.#syncs.get(fd) ?? [];
    this.#syncs.delete(fd);
    this.#attempt(waiting, () => fdatasyncSync(fd));
    Atomics.add(this.#control, SYNC_CALLS, 1);
  }

  #close(fd: number, id: number): void {
    if (this.#syncs.has(fd)) this.#sync(fd);
    this.#attempt([id], () => closeSync(fd));
  }

  /** One chunk of one fill; other requests come in between. */
  #fillOneChunk(): void {
    const fill = this.#fills.values().next().value;
    if (fill === undefined) return;
    const length = Math.min(FILL_CHUNK_BYTES, fill.end - fill.at);
    try {
      if (length > 0) writeFully(fill.fd, [this.#zeros.subarray(0, length)], fill.at);
      fill.at += length;
      if (fill.at < fill.end) return;
      this.#done.push(fill.id);
    } catch (error) {
      this.#fail(fill.id, error);
    }
    this.#fills.delete(fill.fd);
    this.#perform(fill.held);
  }

  #attempt(ids: readonly number[], act: () => void): void {
    try {
      act();
      this.#done.push(...ids);
    } catch (error) {
      for (const id of ids) this.#fail(id, error);
    }
  }

  #fail(id: number, error: unknown): void {
    this.#failed.push([id, errorCodeOf(error) ?? "", messageOf(error)]);
  }

  #report(): void {
    if (this.#done.length + this.#failed.length === 0) return;
    this.#port.postMessage({ done: this.#done, failed: this.#failed } satisfies CompletionMessage);
    this.#done = [];
    this.#failed = [];
  }

  #buffer(number: number): SharedArrayBuffer {
    if (!this.#buffers.has(number)) this.#takeBuffers();
    return must(this.#buffers.get(number), `buffer ${number}`);
  }

  #takeBuffers(): void {
    for (let received = receiveMessageOnPort(this.#port); received !== undefined; received = receiveMessageOnPort(this.#port)) {
      const { buffer, memory } = received.message as BufferMessage;
      if (memory === undefined) this.#buffers.delete(buffer);
      else this.#buffers.set(buffer, memory);
    }
  }

  #word(at: number): number {
    return this.#words[at] as number;
  }
}

new DiskThread(workerData as DiskRingMemory, must(parentPort, "the disk thread's port")).loop();
