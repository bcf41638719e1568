import type { Clock } from "./clock.ts";
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS } from "./limits.ts";
import type { Random } from "./random.ts";

/** Waits that double with every failure in a row, each drawn from the upper half of its step. */
export class Backoff {
  readonly #random: Random;
  #failures = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get failures(): number {
    return this.#failures;
  }

  /** One more failure: how long to wait now. */
  nextMs(): number {
    const stepMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    return stepMs / 2 + (stepMs / 2) * (this.#random.uint32() / 2 ** 32);
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** The promise's outcome, or what `late` makes when that has not come after `waitMs`. The late outcome is ignored. */
export function withinTime<T>(clock: Clock, promise: Promise<T>, waitMs: number, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.after(waitMs, () => reject(late()));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
