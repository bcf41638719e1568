import { randomFillSync } from "node:crypto";
import type { Random } from "../random.ts";

/** Words drawn from the kernel at once; a single draw costs a hundred times as much as an array read. */
const BATCH_WORDS = 256;

/** Chance from the operating system, unpredictable. */
export class RealRandom implements Random {
  readonly #words = new Uint32Array(BATCH_WORDS);
  #used = BATCH_WORDS;

  uint32(): number {
    if (this.#used === BATCH_WORDS) {
      randomFillSync(this.#words);
      this.#used = 0;
    }
    return this.#words[this.#used++] as number;
  }

  bytes(length: number): Uint8Array {
    return randomFillSync(new Uint8Array(length));
  }
}
