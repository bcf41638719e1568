import { type Clock, sleep } from "../io/clock.ts";
import { TokenBucket } from "../quota/token-bucket.ts";

/** A limit of bytes a second in one direction. Whoever waits for it has not begun its call: time limits of calls do not count it. */
export class ByteRate {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket | undefined;

  /** @param bytesPerSecond Undefined: no limit. One second's bytes may pass at once. */
  constructor(clock: Clock, bytesPerSecond: number | undefined) {
    this.#clock = clock;
    this.#bucket = bytesPerSecond === undefined ? undefined : new TokenBucket(bytesPerSecond, bytesPerSecond, clock.monotonicMs());
  }

  /** Resolves when `bytes` may pass, in the order of the calls. */
  async pass(bytes: number): Promise<void> {
    const waitMs = this.#bucket?.take(this.#clock.monotonicMs(), bytes) ?? 0;
    if (waitMs > 0) await sleep(this.#clock, waitMs);
  }
}

/** Both directions of object storage. */
export type ByteRates = Readonly<{ up: ByteRate; down: ByteRate }>;
