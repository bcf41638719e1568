import type { Clock, Timer } from "../io/clock.ts";
import { TokenBucket } from "../quota/token-bucket.ts";

type Waiter = Readonly<{ bytes: number; resolve: () => void }>;

/** A limit of bytes a second in one direction. Whoever waits for it has not begun its call: time limits of calls do not count it. */
export class ByteRate {
  readonly #clock: Clock;
  #bytesPerSecond: number | undefined;
  #bucket: TokenBucket | undefined;
  /** In their order; each with its timer. */
  readonly #waiting = new Map<Waiter, Timer>();

  /** @param bytesPerSecond Undefined: no limit. One second's bytes may pass at once. */
  constructor(clock: Clock, bytesPerSecond: number | undefined) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#bucket = this.#newBucket();
  }

  get bytesPerSecond(): number | undefined {
    return this.#bytesPerSecond;
  }

  /** From now on, for those who wait already too. */
  set(bytesPerSecond: number | undefined): void {
    if (bytesPerSecond === this.#bytesPerSecond) return;
    this.#bytesPerSecond = bytesPerSecond;
    this.#bucket = this.#newBucket();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [waiter, timer] of waiting) {
      timer.cancel();
      this.#admit(waiter);
    }
  }

  /** Resolves when `bytes` may pass, in the order of the calls. */
  pass(bytes: number): Promise<void> {
    return new Promise((resolve) => this.#admit({ bytes, resolve }));
  }

  #admit(waiter: Waiter): void {
    const waitMs = this.#bucket?.take(this.#clock.monotonicMs(), waiter.bytes) ?? 0;
    if (waitMs === 0) return waiter.resolve();
    const timer = this.#clock.after(waitMs, () => {
      this.#waiting.delete(waiter);
      waiter.resolve();
    });
    this.#waiting.set(waiter, timer);
  }

  #newBucket(): TokenBucket | undefined {
    const rate = this.#bytesPerSecond;
    return rate === undefined ? undefined : new TokenBucket(rate, rate, this.#clock.monotonicMs());
  }
}

/** Both directions of object storage. */
export type ByteRates = Readonly<{ up: ByteRate; down: ByteRate }>;
