import { assert } from "../base/assert.ts";

const BUCKETS_MAX = 40;

/**
 * Counts of durations in buckets of powers of two: 2 µs, 4 µs, … 2^`BUCKETS` µs, and everything above. Recording costs a few
 * instructions and allocates nothing; a quantile is exact to a factor of two.
 */
export class Histogram {
  /** Upper ends of the buckets in seconds; the last bucket, without end, is not among them. */
  readonly endsSeconds: readonly number[];
  readonly #counts: Float64Array;
  #count = 0;
  #sumSeconds = 0;

  /** 24 buckets reach to 17 s. */
  constructor(buckets: number = 24) {
    assert(buckets > 0 && buckets <= BUCKETS_MAX, "a histogram has 1 to 40 buckets");
    this.endsSeconds = Array.from({ length: buckets }, (_, bucket) => 2 ** (bucket + 1) / 1_000_000);
    this.#counts = new Float64Array(buckets + 1);
  }

  /** A negative duration (no monotonic clock gives one) counts as 0. */
  recordMs(durationMs: number): void {
    const micros = Math.min(Math.max(Math.ceil(durationMs * 1000), 1), 2 ** 31);
    const bucket = Math.min(Math.max(31 - Math.clz32(micros - 1), 0), this.#counts.length - 1);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#sumSeconds += Math.max(durationMs, 0) / 1000;
  }

  get count(): number {
    return this.#count;
  }

  get sumSeconds(): number {
    return this.#sumSeconds;
  }

  /** How many durations were at most as long as each of `endsSeconds`. */
  cumulative(): readonly number[] {
    let sum = 0;
    return this.endsSeconds.map((_, bucket) => {
      sum += this.#counts[bucket] ?? 0;
      return sum;
    });
  }
}
