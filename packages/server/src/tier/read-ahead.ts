import type { Clock } from "../io/clock.ts";
import { READ_AHEAD_BYTES_MAX, READ_AHEAD_BYTES_MIN, READ_STREAM_IDLE_MS, READ_STREAMS_MAX } from "./limits.ts";

/** One sequential reader, as far as can be seen: each of its reads begins where the last one ended. */
export class ReadStream {
  /** How far to read ahead of it. */
  windowBytes = 0;
  lastUsedMs: number;
  #busy = false;

  constructor(nowMs: number) {
    this.lastUsedMs = nowMs;
  }

  /** False when somebody reads ahead of it already. */
  begin(): boolean {
    if (this.#busy) return false;
    this.#busy = true;
    return true;
  }

  done(): void {
    this.#busy = false;
  }
}

/**
 * Tells sequential readers from others and how far to read ahead of each: nothing at first, then more with every read
 * that goes on where the last one ended. All windows together stay within a budget.
 */
export class ReadAhead {
  readonly #clock: Clock;
  readonly #budgetBytes: number;
  /** By partition and next offset, in order of last use. Readers at the same place are one. */
  readonly #streams = new Map<string, ReadStream>();

  /** @param budgetBytes What all readers together may have read ahead. */
  constructor(clock: Clock, budgetBytes: number) {
    this.#clock = clock;
    this.#budgetBytes = budgetBytes;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Streams that are read ahead of. */
  get readers(): number {
    return [...this.#recent()].length;
  }

  /** All windows together. */
  get windowBytes(): number {
    return [...this.#recent()].reduce((sum, stream) => sum + stream.windowBytes, 0);
  }

  /** A read of [offset, nextOffset) was answered. The stream to read ahead of, begun; undefined when nothing is to be read now. */
  after(partitionId: number, offset: number, nextOffset: number): ReadStream | undefined {
    const nowMs = this.#clock.monotonicMs();
    const [from, to] = [`${partitionId}@${offset}`, `${partitionId}@${nextOffset}`];
    const stream = this.#streams.get(from);
    this.#streams.delete(from);
    this.#forgetIdle(nowMs);
    if (stream === undefined) {
      if (!this.#streams.has(to)) this.#streams.set(to, new ReadStream(nowMs));
      return undefined;
    }
    stream.lastUsedMs = nowMs;
    this.#streams.delete(to);
    this.#streams.set(to, stream);
    const share = this.#budgetBytes / this.#streams.size;
    if (share < READ_AHEAD_BYTES_MIN) return undefined;
    stream.windowBytes = Math.min(Math.max(READ_AHEAD_BYTES_MIN, stream.windowBytes * 2), READ_AHEAD_BYTES_MAX, share);
    return stream.begin() ? stream : undefined;
  }

  *#recent(): Iterable<ReadStream> {
    const sinceMs = this.#clock.monotonicMs() - READ_STREAM_IDLE_MS;
    for (const stream of this.#streams.values()) if (stream.windowBytes > 0 && stream.lastUsedMs > sinceMs) yield stream;
  }

  #forgetIdle(nowMs: number): void {
    for (const [name, stream] of this.#streams) {
      if (this.#streams.size < READ_STREAMS_MAX && nowMs - stream.lastUsedMs < READ_STREAM_IDLE_MS) return;
      this.#streams.delete(name);
    }
  }
}
