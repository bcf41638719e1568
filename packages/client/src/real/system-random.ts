import type { Random } from "../random.ts";

/** Good enough for jitter and for spreading records; not for secrets. */
export class SystemRandom implements Random {
  uint32(): number {
    return Math.floor(Math.random() * 0x1_0000_0000);
  }
}
