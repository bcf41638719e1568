import { Backoff } from "../io/backoff.ts";
import type { Clock } from "../io/clock.ts";
import type { ObjectStoreError } from "../io/object-store.ts";
import type { Random } from "../io/random.ts";
import type { Log } from "../telemetry/log.ts";

/** Whether writes to object storage work, as the uploads see it. Times monotonic. */
export type StoreState = Readonly<{ failingSinceMs: number | undefined; lastError: string | undefined; failures: number }>;

/** Counts failures of the store in a row and says when the next upload may be tried. One log line when it fails, one when it works again. */
export class StoreHealth {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #backoff: Backoff;
  #failingSinceMs: number | undefined;
  #lastError: string | undefined;
  #retryAtMs = 0;

  constructor(parts: Readonly<{ clock: Clock; random: Random; log: Log }>) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#backoff = new Backoff(parts.random);
  }

  get state(): StoreState {
    return { failingSinceMs: this.#failingSinceMs, lastError: this.#lastError, failures: this.#backoff.failures };
  }

  get failing(): boolean {
    return this.#failingSinceMs !== undefined;
  }

  /** Monotonic time of the next try; in the past when the store works. */
  get retryAtMs(): number {
    return this.#retryAtMs;
  }

  works(): void {
    if (this.#failingSinceMs !== undefined) {
      this.#log.info("object storage works again", { failedForMs: Math.round(this.#clock.monotonicMs() - this.#failingSinceMs) });
    }
    this.#failingSinceMs = undefined;
    this.#retryAtMs = 0;
    this.#backoff.reset();
  }

  /** One try did not work. The object may still be stored by a later one. */
  noteError(error: ObjectStoreError): void {
    this.#lastError = `${error.code}: ${error.message}`;
    if (this.#failingSinceMs !== undefined) return;
    this.#failingSinceMs = this.#clock.monotonicMs();
    this.#log.warn("object storage fails; records stay in the write-ahead log", { error: this.#lastError });
  }

  /** An upload was given up: the next one waits. */
  giveUp(): void {
    this.#retryAtMs = this.#clock.monotonicMs() + this.#backoff.nextMs();
  }
}
