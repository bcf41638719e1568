import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { Backoff, withinTime } from "../io/backoff.ts";
import { type Clock, sleep } from "../io/clock.ts";
import { type ObjectStore, ObjectStoreError, type PutPace, type StoredObject } from "../io/object-store.ts";
import type { Random } from "../io/random.ts";
import type { ByteRates } from "./byte-rate.ts";
import { PUT_TRIES_MAX, STORE_READ_WAIT_MS, STORE_WRITE_WAIT_MS, VERIFY_READ_BYTES } from "./limits.ts";
import type { TierMetrics } from "./tier-metrics.ts";

export type PutParts = Readonly<{
  store: ObjectStore;
  clock: Clock;
  random: Random;
  metrics: TierMetrics;
  /** Absent: no limit. */
  rates?: ByteRates | undefined;
}>;

/** Bytes to be stored under a key that was never used before. */
export type PutRequest = Readonly<{ key: string; pieces: readonly Uint8Array[]; bytes: number; crc: number; pace: PutPace }>;

/** How the store behaves, told to whoever decides about the next upload. */
export interface StoreWatch {
  stored(): void;
  failed(error: ObjectStoreError): void;
  /** After all tries: the next object waits. */
  gaveUp(): void;
  /** The process stops: whoever waits for a better answer gives up. */
  stopped(): boolean;
}

/** `mismatch`: the store holds other bytes under this key; it is lost, take a new one. */
export type PutOutcome = "verified" | "mismatch";

/**
 * Stores an object once and makes sure that it is there: the store confirms size and CRC32C, or it is read back.
 * A write whose outcome is unknown may have landed or may land later: it is looked up, and repeated only under the same
 * key, where it can do no harm (keys are created once).
 */
export class PutObject {
  readonly #parts: PutParts;
  readonly #request: PutRequest;
  readonly #writes: Promise<unknown>[] = [];

  constructor(parts: PutParts, request: PutRequest) {
    this.#parts = parts;
    this.#request = request;
  }

  /** Rejects with the store's last error when it did not work after PUT_TRIES_MAX tries. */
  async run(watch: StoreWatch): Promise<PutOutcome> {
    const backoff = new Backoff(this.#parts.random);
    for (;;) {
      try {
        return await this.#tryOnce();
      } catch (error) {
        const storeError = asStoreError(error);
        watch.failed(storeError);
        const hopeless = storeError.code === "denied" || storeError.code === "invalid-key";
        if (hopeless || watch.stopped() || backoff.failures + 1 >= PUT_TRIES_MAX) throw storeError;
        await sleep(this.#parts.clock, backoff.nextMs());
      }
    }
  }

  /** Resolves when no write uses the pieces any more; one that was given up may still be under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  async #tryOnce(): Promise<PutOutcome> {
    try {
      return await this.#verify(await this.#put());
    } catch (error) {
      const { code } = asStoreError(error);
      if (code !== "unknown" && code !== "exists") throw error;
      if (code === "unknown") this.#parts.metrics.putsUnknown += 1;
      const stored = await this.#head();
      if (stored === undefined) throw error;
      if (code === "unknown") this.#parts.metrics.putsUnknownDone += 1;
      return this.#verify(stored);
    }
  }

  async #put(): Promise<StoredObject> {
    const { store, clock, rates } = this.#parts;
    const { key, pieces, bytes, pace } = this.#request;
    if (rates !== undefined) await rates.up.pass(bytes);
    const write = store.put(key, pieces, pace);
    this.#writes.push(write);
    return withinTime(clock, write, STORE_WRITE_WAIT_MS, () => new ObjectStoreError("unknown", "no answer to a write"));
  }

  #head(): Promise<StoredObject | undefined> {
    const { store, clock } = this.#parts;
    return withinTime(clock, store.head(this.#request.key), STORE_READ_WAIT_MS, noAnswer);
  }

  async #verify(stored: StoredObject): Promise<PutOutcome> {
    const { bytes, crc } = this.#request;
    const same = stored.bytes === bytes && (stored.crc32c ?? (await this.#readBack())) === crc;
    if (!same) this.#parts.metrics.putMismatches += 1;
    return same ? "verified" : "mismatch";
  }

  async #readBack(): Promise<number | undefined> {
    const { store, clock, metrics, rates } = this.#parts;
    metrics.objectsReadBack += 1;
    const { key, bytes } = this.#request;
    let crc = 0;
    for (let at = 0; at < bytes; at += VERIFY_READ_BYTES) {
      const end = Math.min(bytes, at + VERIFY_READ_BYTES);
      if (rates !== undefined) await rates.down.pass(end - at);
      const part = await withinTime(clock, store.read(key, at, end), STORE_READ_WAIT_MS, noAnswer);
      if (part.byteLength !== end - at) return undefined;
      crc = crc32c(part, crc);
    }
    return crc;
  }
}

export function noAnswer(): ObjectStoreError {
  return new ObjectStoreError("unavailable", "no answer to a read");
}

/** What a store threw; anything that is no error of a store is a bug and passes on. */
export function asStoreError(error: unknown): ObjectStoreError {
  if (error instanceof ObjectStoreError) return error;
  throw error;
}
