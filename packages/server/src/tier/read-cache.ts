import { assert } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { CACHE_WAITERS_MAX } from "./limits.ts";

/** What one read brought: entries that share memory and therefore come and go together. */
type Group<T> = { readonly bytes: number; readonly ahead: boolean; used: boolean; readonly values: ReadonlyMap<string, T> };

export type CacheCounters = { hits: number; misses: number; sharedMisses: number; aheadWastedBytes: number; waits: number };

/**
 * Things read from object storage, by key, in bounded memory. What is being read counts against the bound like what is
 * there; concurrent misses of a key share one read; the group of entries unused longest goes first. Failures are not kept.
 */
export class ReadCache<T> {
  readonly #bytesMax: number;
  readonly #counters: CacheCounters;
  readonly #dropped: (value: T) => void;
  /** In order of last use. */
  readonly #groups = new Set<Group<T>>();
  readonly #entries = new Map<string, Group<T>>();
  readonly #loading = new Map<string, Promise<T>>();
  #storedBytes = 0;
  #reservedBytes = 0;
  readonly #waiting: { readonly bytes: number; readonly start: () => void }[] = [];

  /** @param dropped Told of each value that is not kept, or not any longer. */
  constructor(bytesMax: number, counters: CacheCounters, dropped: (value: T) => void = () => {}) {
    this.#bytesMax = bytesMax;
    this.#counters = counters;
    this.#dropped = dropped;
  }

  /** Stored and being read; never above the bound, but for one read that is larger than the whole cache. */
  get bytes(): number {
    return this.#storedBytes + this.#reservedBytes;
  }

  /** Being read, or about to be. */
  get readingBytes(): number {
    return this.#reservedBytes;
  }

  /** Whether it is there or on its way. Counts as no use. */
  has(key: string): boolean {
    return this.#entries.has(key) || this.#loading.has(key);
  }

  /** The value, the read that will bring it, or undefined. */
  get(key: string): T | Promise<T> | undefined {
    const group = this.#entries.get(key);
    if (group !== undefined) {
      this.#counters.hits += 1;
      group.used = true;
      this.#groups.delete(group);
      this.#groups.add(group);
      return group.values.get(key);
    }
    const loading = this.#loading.get(key);
    if (loading !== undefined) this.#counters.sharedMisses += 1;
    return loading;
  }

  /**
   * Begins one read for all these keys, none of which is there or on its way; it waits for room if need be. Gives a promise
   * a key: it rejects where the result is an error, and everywhere when the read fails.
   *
   * @param bytes Memory that the read takes.
   * @param ahead Nobody has asked for it yet.
   * @param read One result a key, in their order.
   */
  load(keys: readonly string[], bytes: number, ahead: boolean, read: () => Promise<readonly (T | Error)[]>): readonly Promise<T>[] {
    this.#counters.misses += ahead ? 0 : keys.length;
    const results = this.#whenRoom(bytes).then(
      () => this.#read(keys, bytes, ahead, read),
      (refusal: unknown) => {
        for (const key of keys) this.#loading.delete(key);
        throw refusal;
      },
    );
    return keys.map((key, n) => {
      assert(!this.has(key), "a key is loaded once at a time");
      const value = results.then((values) => valueOrThrow(values[n]));
      value.catch(() => {}); // whoever asked has the same promise; read-ahead has nobody
      this.#loading.set(key, value);
      return value;
    });
  }

  /** The value, or the promise of the read that brings it: `load` with one key if need be. */
  getOrLoad(key: string, bytes: number, read: () => Promise<T>): T | Promise<T> {
    const present = this.get(key);
    if (present !== undefined) return present;
    return this.load([key], bytes, false, async () => [await read()])[0] as Promise<T>;
  }

  async #read(keys: readonly string[], bytes: number, ahead: boolean, read: () => Promise<readonly (T | Error)[]>) {
    try {
      const results = await read();
      assert(results.length === keys.length, "a read has one result a key");
      this.#reservedBytes -= bytes;
      this.#store(keys, bytes, ahead, results);
      return results;
    } catch (error) {
      this.#reservedBytes -= bytes;
      throw error;
    } finally {
      for (const key of keys) this.#loading.delete(key);
      this.#wake();
    }
  }

  #store(keys: readonly string[], bytes: number, ahead: boolean, results: readonly (T | Error)[]): void {
    const values = new Map<string, T>();
    for (const [n, key] of keys.entries()) {
      const result = results[n] as T | Error;
      if (!(result instanceof Error)) values.set(key, result);
    }
    if (bytes > this.#bytesMax) for (const value of values.values()) this.#dropped(value);
    if (bytes > this.#bytesMax || values.size === 0) return;
    const group = { bytes, ahead, used: false, values };
    for (const key of values.keys()) this.#entries.set(key, group);
    this.#groups.add(group);
    this.#storedBytes += bytes;
  }

  /** Room is reserved when it resolves. First come, first served. */
  #whenRoom(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#reserve(bytes)) return Promise.resolve();
    if (this.#waiting.length >= CACHE_WAITERS_MAX)
      return Promise.reject(new QueueError("OBJECT_STORAGE_UNAVAILABLE", "too many reads of object storage wait for memory; try again"));
    this.#counters.waits += 1;
    return new Promise<void>((start) => this.#waiting.push({ bytes, start }));
  }

  #wake(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#reserve(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      next.start();
    }
  }

  #reserve(bytes: number): boolean {
    if (this.#reservedBytes > 0 && this.#reservedBytes + bytes > this.#bytesMax) return false;
    for (const group of this.#groups) {
      if (this.#storedBytes + this.#reservedBytes + bytes <= this.#bytesMax) break;
      this.#evict(group);
    }
    this.#reservedBytes += bytes;
    return true;
  }

  #evict(group: Group<T>): void {
    this.#groups.delete(group);
    this.#storedBytes -= group.bytes;
    for (const [key, value] of group.values) {
      this.#entries.delete(key);
      this.#dropped(value);
    }
    if (group.ahead && !group.used) this.#counters.aheadWastedBytes += group.bytes;
  }
}

function valueOrThrow<T>(value: T | Error | undefined): T {
  if (value instanceof Error) throw value;
  return value as T;
}
