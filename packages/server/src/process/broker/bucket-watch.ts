import { withinTime } from "../../io/backoff.ts";
import type { Clock, Timer } from "../../io/clock.ts";
import { type ObjectStore, ObjectStoreError } from "../../io/object-store.ts";
import type { Log } from "../../telemetry/log.ts";
import { foreignKey } from "../../tier/bucket-owner.ts";

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
  #again: (() => Promise<unknown>) | undefined;
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

  /**
   * Somebody asked something of it in vain. `again`: asks the same once more, since a store that lists well may fail to read; else it is
   * well when it lists.
   */
  failed(error: Error, again?: () => Promise<unknown>): void {
    if (this.#problem === undefined) this.#log.warn("a read of object storage fails", { reason: error.message });
    this.#problem = error.message;
    this.#again = again ?? this.#again;
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
      await this.#again?.().catch(ifUnavailable);
      this.#again = undefined;
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
    if (this.#problem !== undefined && foreign === undefined) this.#log.info("object storage answers again");
    this.#problem = foreign === undefined ? undefined : `it holds objects of another cluster. key=${foreign}`;
    if (foreign !== undefined) this.#log.error("object storage holds objects of another cluster", { key: foreign });
  }
}

/** An object that is gone or too short meanwhile is an answer. */
function ifUnavailable(error: unknown): void {
  if (error instanceof ObjectStoreError && (error.code === "not-found" || error.code === "range")) return;
  throw error;
}
