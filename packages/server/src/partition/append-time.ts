import type { Clock } from "../io/clock.ts";
import { APPEND_TIME_JUMP_MAX_MS } from "./limits.ts";

/**
 * The append time of a partition: the leader's wall clock, but it never goes back, advances between two appends by at
 * most the monotonic time that passed, and at the first append of an epoch by at most one hour; so a clock that jumps
 * expires no producer.
 */
export class AppendTime {
  readonly #clock: Clock;
  #lastMs: number;
  /** The monotonic time up to which whole milliseconds were counted; undefined before the first append of the epoch. */
  #countedMs: number | undefined;

  /** `lastMs` is the append time of the newest batch, -1 when there is none. */
  constructor(clock: Clock, lastMs: number) {
    this.#clock = clock;
    this.#lastMs = lastMs;
  }

  next(): number {
    const wallMs = this.#clock.wallMs();
    const advanceMs = Math.min(Math.max(wallMs - this.#lastMs, 0), this.#advanceMaxMs());
    this.#lastMs = this.#lastMs < 0 ? wallMs : this.#lastMs + advanceMs;
    return this.#lastMs;
  }

  #advanceMaxMs(): number {
    const monotonicMs = this.#clock.monotonicMs();
    if (this.#countedMs === undefined) {
      this.#countedMs = monotonicMs;
      return APPEND_TIME_JUMP_MAX_MS;
    }
    const passedMs = Math.floor(monotonicMs - this.#countedMs);
    this.#countedMs += passedMs;
    return passedMs;
  }
}
