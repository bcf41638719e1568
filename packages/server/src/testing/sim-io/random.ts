import type { Random } from "../../io/random.ts";

/**
 * Seeded chance: sfc32 (Chris Doty-Humphrey, PractRand), seeded through splitmix32. Same seed, same numbers.
 * `fork` gives a stream of its own, so that one component drawing more does not change what another draws.
 */
export class SimRandom implements Random {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    let state = (this.#seed = seed | 0);
    const splitmix = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    };
    this.#a = splitmix();
    this.#b = splitmix();
    this.#c = splitmix();
    for (let round = 0; round < 12; round++) this.uint32();
  }

  uint32(): number {
    const result = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.uint32();
    return bytes;
  }

  /** In [0, 1). */
  float(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number in [low, high], both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1));
  }

  /** True with probability `ratio`. Draws nothing for 0 and 1, so that a fault that is off changes no other chance. */
  chance(ratio: number): boolean {
    if (ratio <= 0) return false;
    return ratio >= 1 || this.float() < ratio;
  }

  /** A time in [low, high), uniform; `low` itself, without a draw, when the range is empty. */
  withinMs(range: MsRange): number {
    const [low, high] = range;
    return high > low ? low + this.float() * (high - low) : low;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.between(0, items.length - 1)] as T;
  }

  /** A stream of its own; depends on the seed and the name only, not on what was drawn before. */
  fork(name: string): SimRandom {
    let hash = this.#seed ^ 0x811c9dc5;
    for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    return new SimRandom(hash);
  }
}

/** From, to: milliseconds. */
export type MsRange = readonly [number, number];
