import type { Clock } from "../io/clock.ts";
import { CLOCK_LEAP_BELIEVED_MS, CLOCK_LEAP_MS } from "./limits.ts";

/**
 * The wall clock that decides what is old. A leap ahead of the monotonic clock is believed only after it has stood for an
 * hour: records that went because of it would not come back with the right time. Going back is believed at once. A leap on top of
 * one that is not believed yet begins the hour anew.
 */
export class RetentionTime {
  readonly #clock: Clock;
  /** Wall minus monotonic time, as it is believed; undefined before the first look. */
  #offsetMs: number | undefined;
  /** Monotonic time since which the wall clock is ahead of that. */
  #aheadSinceMs: number | undefined;
  /** Wall minus monotonic time at the last look. */
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds since 1970. To be asked regularly: a leap is seen by who looks. */
  nowMs(): number {
    const monotonicMs = this.#clock.monotonicMs();
    const offsetMs = this.#clock.wallMs() - monotonicMs;
    this.#offsetMs ??= offsetMs;
    if (offsetMs - this.#offsetMs <= CLOCK_LEAP_MS) this.#aheadSinceMs = undefined;
    else if (this.#aheadSinceMs === undefined || offsetMs - this.#lastMs > CLOCK_LEAP_MS) this.#aheadSinceMs = monotonicMs;
    this.#lastMs = offsetMs;
    const isBelieved = this.#aheadSinceMs === undefined || monotonicMs - this.#aheadSinceMs >= CLOCK_LEAP_BELIEVED_MS;
    if (isBelieved) {
      this.#offsetMs = offsetMs;
      this.#aheadSinceMs = undefined;
    }
    return Math.floor(monotonicMs + this.#offsetMs);
  }
}
