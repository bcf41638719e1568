import { Worker } from "node:worker_threads";
import { assert } from "../../base/assert.ts";
import { isObjectKey, isObjectKeyPrefix } from "../object-key.ts";
import { type ObjectStore, ObjectStoreError, type PieceSums, type PutPace, type StoredObject } from "../object-store.ts";
import { OBJECT_READ_BYTES_MAX } from "./limits.ts";
import { type ObjectAnswer, type ObjectCall, type ObjectResult, packPieces } from "./object-messages.ts";

type Waiting = Readonly<{ kind: ObjectCall["kind"]; resolve: (result: ObjectResult) => void; reject: (error: ObjectStoreError) => void }>;

/** An `ObjectCall` before it has its number. */
type NewCall = ObjectCall extends infer Call ? (Call extends ObjectCall ? Omit<Call, "id"> : never) : never;

/** Which program the thread runs, and what it is told at its start. */
export type ObjectThread = Readonly<{ program: URL; name: string; data: unknown }>;

/**
 * An object store whose work is done by a thread of its own, so that neither the main loop nor the runtime's thread pool waits
 * for it. Bytes of a put and of a read with a target are shared with the thread; other bytes read are handed over.
 */
export class ThreadObjectStore implements ObjectStore {
  readonly #thread: ObjectThread;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #callId = 0;
  #closed = false;

  /** The thread starts with the first call. */
  constructor(thread: ObjectThread) {
    this.#thread = thread;
  }

  /** Starts the thread now, so that the first call does not wait for it. */
  warmUp(): void {
    this.#worker ??= this.#start();
  }

  async put(key: string, pieces: readonly Uint8Array[], pace: PutPace = "urgent"): Promise<StoredObject> {
    checkKey(key);
    return (await this.#call({ kind: "put", key, pace, ...packPieces(pieces) })) as StoredObject;
  }

  async read(key: string, start: number, end: number, target?: Uint8Array, sums?: PieceSums): Promise<Uint8Array> {
    checkKey(key);
    assert(start >= 0 && start <= end && end - start <= OBJECT_READ_BYTES_MAX, "a range is not negative and not larger than the limit");
    if (target !== undefined) assert(target.buffer instanceof SharedArrayBuffer && target.byteLength === end - start, "a target fits");
    const result = await this.#call({ kind: "read", key, start, end, target, lengths: sums?.lengths });
    if (target === undefined) return result as Uint8Array;
    if (sums !== undefined) sums.crcs = result as readonly number[] | undefined;
    return target;
  }

  async head(key: string): Promise<StoredObject | undefined> {
    checkKey(key);
    return (await this.#call({ kind: "head", key })) as StoredObject | undefined;
  }

  async list(prefix: string, after: string, countMax: number): Promise<readonly string[]> {
    if (!isObjectKeyPrefix(prefix)) throw new ObjectStoreError("invalid-key", `not the front of a key: ${JSON.stringify(prefix)}`);
    return (await this.#call({ kind: "list", prefix, after, countMax })) as readonly string[];
  }

  async remove(key: string): Promise<void> {
    checkKey(key);
    await this.#call({ kind: "remove", key });
  }

  /** Ends the thread at once; calls in flight reject. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #call(call: NewCall): Promise<ObjectResult> {
    assert(!this.#closed, "the object store is closed");
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      this.#callId += 1;
      if (this.#waiting.size === 0) worker.ref();
      this.#waiting.set(this.#callId, { kind: call.kind, resolve, reject });
      worker.postMessage({ ...call, id: this.#callId } satisfies ObjectCall);
    });
  }

  /** Anew after it died, by the next call. */
  #start(): Worker {
    const { program, name, data } = this.#thread;
    const worker = new Worker(program, { workerData: data, name, execArgv: [] });
    let reason = "the thread of objects has ended";
    worker.on("message", (answer: ObjectAnswer) => this.#answered(answer));
    worker.on("error", (error: Error) => {
      reason = error.message;
    });
    worker.once("exit", () => this.#ended(worker, reason));
    worker.unref();
    return worker;
  }

  #answered(answer: ObjectAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    assert(waiting !== undefined, `nobody waits for answer ${answer.id}`);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (answer.ok) waiting.resolve(answer.result);
    else waiting.reject(new ObjectStoreError(answer.code, answer.message));
  }

  #ended(worker: Worker, reason: string): void {
    if (this.#worker === worker) this.#worker = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { kind, reject } of waiting) reject(new ObjectStoreError(kind === "put" ? "unknown" : "unavailable", reason));
  }
}

function checkKey(key: string): void {
  if (!isObjectKey(key)) throw new ObjectStoreError("invalid-key", `not a key: ${JSON.stringify(key)}`);
}
