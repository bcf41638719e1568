/** Chance: jitter of retries, and the partition of records without a key. */
export interface Random {
  /** Uniform in [0, 2^32). */
  uint32(): number;
}

/** Uniform in [0, 1). */
export function fraction(random: Random): number {
  return random.uint32() / 0x1_0000_0000;
}

/** Uniform in [0, count), whole. */
export function below(random: Random, count: number): number {
  return Math.floor(fraction(random) * count);
}
