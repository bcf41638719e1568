import { assert } from "../base/assert.ts";

/**
 * A token bucket: `ratePerSecond` tokens come in a second, and at most `burst` are kept. What is taken is taken at once and may
 * leave a debt, which those who come later wait for: so the order is kept without a queue, and a unit larger than the bucket
 * passes when the bucket is full. Time is an argument; it must not go back.
 */
export class TokenBucket {
  readonly #ratePerMs: number;
  readonly #burst: number;
  #level: number;
  #filledAtMs: number;

  /** Full at first. */
  constructor(ratePerSecond: number, burst: number, nowMs: number) {
    assert(ratePerSecond > 0 && burst > 0, "a bucket fills and holds something");
    this.#ratePerMs = ratePerSecond / 1000;
    this.#burst = burst;
    this.#level = burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes `amount`. @returns How long to wait before it may be used, in milliseconds. */
  take(nowMs: number, amount: number): number {
    assert(amount >= 0 && nowMs >= this.#filledAtMs, "neither tokens nor time are negative");
    this.#level = Math.min(this.#burst, this.#level + (nowMs - this.#filledAtMs) * this.#ratePerMs);
    this.#filledAtMs = nowMs;
    const missing = Math.min(amount, this.#burst) - this.#level;
    this.#level -= amount;
    return Math.max(0, missing / this.#ratePerMs);
  }
}
