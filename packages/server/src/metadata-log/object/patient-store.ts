import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { QueueError } from "../../base/errors.ts";
import { Backoff, withinTime } from "../../io/backoff.ts";
import { type Clock, sleep } from "../../io/clock.ts";
import { type ObjectStore, ObjectStoreError, type StoredObject } from "../../io/object-store.ts";
import type { Random } from "../../io/random.ts";
import type { Log } from "../../telemetry/log.ts";
import { STORE_WAIT_MS } from "../limits.ts";

export type PatientStoreParts = Readonly<{ store: ObjectStore; clock: Clock; random: Random; logger: Log }>;

/**
 * The bucket as whoever keeps metadata there asks it: nothing of an outage is an error, it is waited for. What the store
 * says about a key (`exists`, `not-found`, `range`) is passed on; the rest is asked again until `close`.
 */
export class PatientStore {
  readonly #parts: PatientStoreParts;
  /** Those who wait before they ask again. */
  readonly #resting = new Set<() => void>();
  #problem: string | undefined;
  #closed = false;

  constructor(parts: PatientStoreParts) {
    this.#parts = parts;
  }

  /** Why nothing goes on at the moment; undefined: nothing stands in the way. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whoever waits is rejected with SHUTTING_DOWN. */
  close(): void {
    this.#closed = true;
  }

  /** Undefined when there is none. */
  head(key: string): Promise<StoredObject | undefined> {
    return this.#patiently((store) => store.head(key));
  }

  /** Rejects with ObjectStoreError `not-found` or `range` only. */
  read(key: string, start: number, end: number): Promise<Uint8Array> {
    return this.#patiently((store) => store.read(key, start, end));
  }

  list(prefix: string, after: string, countMax: number): Promise<readonly string[]> {
    return this.#patiently((store) => store.list(prefix, after, countMax));
  }

  remove(key: string): Promise<void> {
    return this.#patiently((store) => store.remove(key));
  }

  /** One try. Rejects with any ObjectStoreError; `unknown` after STORE_WAIT_MS. */
  async readOnce(key: string, start: number, end: number): Promise<Uint8Array> {
    try {
      const bytes = await this.#inTime((store) => store.read(key, start, end));
      this.#answered();
      return bytes;
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  /** One try. Whether the store holds what was sent. Rejects with any ObjectStoreError; `unknown` after STORE_WAIT_MS. */
  async createOnce(key: string, bytes: Uint8Array): Promise<boolean> {
    try {
      const stored = await this.#inTime((store) => store.put(key, [bytes], "urgent"));
      this.#answered();
      return await this.#isSame(key, bytes, stored);
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  /** Until the key exists, whoever made it. Whether the store holds what was sent. */
  async create(key: string, bytes: Uint8Array): Promise<boolean> {
    try {
      return await this.#isSame(key, bytes, await this.#patiently((store) => store.put(key, [bytes], "urgent")));
    } catch (error) {
      if (!(error instanceof ObjectStoreError) || error.code !== "exists") throw error;
    }
    const stored = await this.head(key);
    return stored !== undefined && this.#isSame(key, bytes, stored);
  }

  /** Reads it back when the store confirms no checksum. */
  async #isSame(key: string, bytes: Uint8Array, stored: StoredObject): Promise<boolean> {
    if (stored.bytes !== bytes.byteLength) return false;
    if (stored.crc32c !== undefined) return stored.crc32c === crc32c(bytes);
    return Buffer.compare(await this.read(key, 0, bytes.byteLength), bytes) === 0;
  }

  async #patiently<T>(call: (store: ObjectStore) => Promise<T>): Promise<T> {
    const backoff = new Backoff(this.#parts.random);
    for (;;) {
      if (this.#closed) throw new QueueError("SHUTTING_DOWN", "the metadata log is closed");
      try {
        const answer = await this.#inTime(call);
        this.#answered();
        return answer;
      } catch (error) {
        if (!this.#note(error)) throw error;
      }
      await this.#rest(backoff);
    }
  }

  /** Once the store answers somebody, nobody goes on with a wait that an outage has made long: a standby would be deaf for seconds more. */
  async #rest(backoff: Backoff): Promise<void> {
    const { clock } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const answered = (): void => resolve(true);
    const timer = clock.after(backoff.nextMs(), () => resolve(false));
    this.#resting.add(answered);
    const isCutShort = await promise;
    this.#resting.delete(answered);
    timer.cancel();
    if (!isCutShort) return;
    backoff.reset();
    await sleep(clock, backoff.nextMs()); // not at once: others may be refused for asking too often
  }

  #inTime<T>(call: (store: ObjectStore) => Promise<T>): Promise<T> {
    const { store, clock } = this.#parts;
    return withinTime(clock, call(store), STORE_WAIT_MS, () => new ObjectStoreError("unknown", "no answer in time"));
  }

  #answered(): void {
    if (this.#problem !== undefined) this.#parts.logger.info("the bucket of the metadata answers again");
    this.#problem = undefined;
    for (const answered of this.#resting) answered();
  }

  /** Whether it is worth another try. */
  #note(error: unknown): boolean {
    if (!(error instanceof ObjectStoreError)) return false;
    const { code, message } = error;
    if (code === "exists" || code === "not-found" || code === "range" || code === "invalid-key") {
      this.#answered();
      return false;
    }
    if (this.#problem === undefined) this.#parts.logger.warn("the bucket of the metadata does not answer; asked again", { code, message });
    this.#problem = `the bucket of the metadata does not answer: ${message}`;
    return true;
  }
}
