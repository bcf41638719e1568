import type { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import type { Clock, Timer } from "./clock.ts";
import type { ClientError } from "./errors.ts";

/** A request that waits for its answer, or for its turn to be sent. */
export type Pending = {
  readonly correlationId: number;
  readonly apiKey: number;
  readonly version: number;
  readonly name: string;
  readonly deadlineMs: number;
  readonly pieces: readonly Uint8Array[];
  /** Reads the body of the answer and tells whoever waits. Throws what a malformed body throws. */
  readonly answered: (reader: ByteReader) => void;
  readonly failed: (error: ClientError) => void;
};

/** The requests of one connection by correlation id, oldest first, with one timer for the earliest deadline of all. */
export class InFlight {
  readonly #clock: Clock;
  readonly #expired: (pending: Pending) => void;
  readonly #byId = new Map<number, Pending>();
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  /** @param expired Called for the first request whose deadline has passed; it stays in here. */
  constructor(clock: Clock, expired: (pending: Pending) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  get count(): number {
    return this.#byId.size;
  }

  add(pending: Pending): void {
    this.#byId.set(pending.correlationId, pending);
    if (pending.deadlineMs < this.#timerAtMs) this.#arm(pending.deadlineMs);
  }

  /** Removes and returns the request with this id; undefined when nobody asked. */
  take(correlationId: number): Pending | undefined {
    const pending = this.#byId.get(correlationId);
    if (pending === undefined) return undefined;
    this.#byId.delete(correlationId);
    if (this.#byId.size === 0) this.#disarm();
    return pending;
  }

  /** Removes and returns all, oldest first. */
  takeAll(): Pending[] {
    const all = [...this.#byId.values()];
    this.#byId.clear();
    this.#disarm();
    return all;
  }

  #arm(atMs: number): void {
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.after(Math.max(0, atMs - this.#clock.monotonicMs()), () => this.#check());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #check(): void {
    this.#disarm();
    const nowMs = this.#clock.monotonicMs();
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const pending of this.#byId.values()) {
      if (pending.deadlineMs <= nowMs) return this.#expired(pending);
      earliestMs = Math.min(earliestMs, pending.deadlineMs);
    }
    if (earliestMs < Number.POSITIVE_INFINITY) this.#arm(earliestMs);
  }
}
