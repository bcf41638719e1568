import { resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { assert } from "../../base/assert.ts";
import { isObjectKey, isObjectKeyPrefix } from "../object-key.ts";
import { type ObjectStore, ObjectStoreError, type PutPace, type StoredObject } from "../object-store.ts";
import { OBJECT_READ_BYTES_MAX } from "./limits.ts";
import { type ObjectAnswer, type ObjectCall, type ObjectResult, type ObjectThreadData, packPieces } from "./object-messages.ts";

type Waiting = Readonly<{ kind: ObjectCall["kind"]; resolve: (result: ObjectResult) => void; reject: (error: ObjectStoreError) => void }>;

/** An `ObjectCall` before it has its number. */
type NewCall = ObjectCall extends infer Call ? (Call extends ObjectCall ? Omit<Call, "id"> : never) : never;

/**
 * A local directory as object store (`dir:PATH`). A put is written to a temporary file, synced, and linked to its
 * name, which creates it once; its folder is synced. So its answer is honest about durability, and its checksum is
 * that of the bytes that were handed to the kernel: nothing is read back.
 *
 * A file system that hangs, hangs the calls: callers have their own time limit.
 */
export class DirectoryObjectStore implements ObjectStore {
  readonly #data: ObjectThreadData;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #callId = 0;
  #closed = false;

  /**
   * @param create Makes the directory, and the mark that it is a store, when they are missing. Without it a directory
   *   that is not there (an unmounted disk) answers `unavailable`, and nothing is written to what lies beneath.
   */
  constructor(root: string, create: boolean) {
    this.#data = { root: resolve(root), create };
  }

  async put(key: string, pieces: readonly Uint8Array[], pace: PutPace = "urgent"): Promise<StoredObject> {
    checkKey(key);
    return (await this.#call({ kind: "put", key, pace, ...packPieces(pieces) })) as StoredObject;
  }

  async read(key: string, start: number, end: number, target?: Uint8Array): Promise<Uint8Array> {
    checkKey(key);
    assert(start >= 0 && start <= end && end - start <= OBJECT_READ_BYTES_MAX, "a range is not negative and not larger than the limit");
    if (target !== undefined) assert(target.buffer instanceof SharedArrayBuffer && target.byteLength === end - start, "a target fits");
    const bytes = (await this.#call({ kind: "read", key, start, end, target })) as Uint8Array | undefined;
    return bytes ?? (target as Uint8Array);
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
    const worker = new Worker(new URL("./object-thread.ts", import.meta.url), { workerData: this.#data, name: "objects", execArgv: [] });
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
