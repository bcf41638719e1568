import { withinTime } from "../io/backoff.ts";
import type { Clock, Timer } from "../io/clock.ts";
import type { ObjectStore } from "../io/object-store.ts";
import type { Log } from "../telemetry/log.ts";
import { foreignKey } from "../tier/bucket-owner.ts";

/** How long a start waits to learn whose objects lie in the bucket. */
const START_WAIT_MS = 1_000;
/** While it does not answer it is asked again this often. */
const ASK_AGAIN_MS = 2_000;

/**
 * Whether object storage answers and is the right one, apart from uploads, which see for themselves: asked at the start, and
 * again after it failed, until all is well. Who asks nothing of it for long would not know otherwise.
 */
export class BucketWatch {
  readonly #store: ObjectStore;
  readonly #clusterId: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #problem: string | undefined;
  #timer: Timer | undefined;
  #isAsking = false;
  #stopped = false;

  constructor(store: ObjectStore, clusterId: string, clock: Clock, log: Log) {
    this.#store = store;
    this.#clusterId = clusterId;
    this.#clock = clock;
    this.#log = log;
  }

  /** What is wrong with it; undefined: nothing that is known. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Waits a moment for the first answer. @returns A key of another cluster, if there is one: the start is to be refused. */
  async begin(): Promise<string | undefined> {
    const late = (): Error => new Error(`no answer within ${START_WAIT_MS} ms`);
    try {
      return await withinTime(this.#clock, this.#ask(), START_WAIT_MS, late);
    } catch (error) {
      const reason = (error as Error).message;
      this.#problem ??= reason;
      this.#log.warn("object storage does not answer: starting without it", { reason });
      return undefined;
    }
  }

  /** Somebody asked something of it in vain. */
  failed(error: Error): void {
    this.#problem = error.message;
    if (this.#stopped || this.#isAsking || this.#timer !== undefined) return;
    this.#timer = this.#clock.after(ASK_AGAIN_MS, () => {
      this.#timer = undefined;
      this.#ask().catch(() => undefined); // noted
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #ask(): Promise<string | undefined> {
    this.#isAsking = true;
    try {
      const foreign = await foreignKey(this.#store, this.#clusterId);
      this.#isAsking = false;
      this.#answered(foreign);
      return foreign;
    } catch (error) {
      this.#isAsking = false;
      this.failed(error as Error);
      throw error;
    }
  }

  #answered(foreign: string | undefined): void {
    this.#problem = foreign === undefined ? undefined : `it holds objects of another cluster. key=${foreign}`;
    if (foreign !== undefined) this.#log.error("object storage holds objects of another cluster", { key: foreign });
  }
}
