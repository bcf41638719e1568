/** Chance. Never used where a result must be the same on two replicas. */
export interface Random {
  /** Uniform in [0, 2^32). */
  uint32(): number;
  /** Fills and returns a new array. */
  bytes(length: number): Uint8Array;
}
