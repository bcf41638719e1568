import { QueueError } from "../base/errors.ts";
import type { Clock, Timer } from "../io/clock.ts";
import type { Log } from "../telemetry/log.ts";
import { OPENING_RETRY_MS, OPENINGS_MAX } from "./limits.ts";

/** Opens one partition, or does nothing when that is not wanted any more. Rejects with OBJECT_STORAGE_UNAVAILABLE: later. */
export type Opening = (partitionId: number) => Promise<void>;

/**
 * Partitions that are led here but not open, since object storage has to be asked for what they remember: opened behind
 * everything else, a few at a time, again and again until it answers. Nothing of them is served until then.
 */
export class LateOpenings {
  readonly #open: Opening;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #fatal: (error: Error) => void;
  /** Not open yet, whether being opened or in the queue. */
  readonly #wanted = new Set<number>();
  readonly #queue: number[] = [];
  /** Being opened, and asked for again since: what they found may be outdated. */
  readonly #again = new Set<number>();
  #running = 0;
  #pause: Timer | undefined;
  #stopped = false;
  #waiters: (() => void)[] = [];

  constructor(open: Opening, parts: Readonly<{ clock: Clock; log: Log; fatal: (error: Error) => void }>) {
    this.#open = open;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#fatal = parts.fatal;
  }

  add(partitionId: number): void {
    if (this.#stopped) return;
    if (this.#wanted.has(partitionId)) {
      if (!this.#queue.includes(partitionId)) this.#again.add(partitionId);
      return;
    }
    this.#wanted.add(partitionId);
    this.#queue.push(partitionId);
    this.#next();
  }

  /** Resolves when these are not waited for any more (all, when undefined), at the latest after `waitMs`. */
  async settled(waitMs: number, partitionId?: number): Promise<void> {
    const deadlineMs = this.#clock.monotonicMs() + waitMs;
    const isSettled = (): boolean => (partitionId === undefined ? this.#wanted.size === 0 : !this.#wanted.has(partitionId));
    for (let leftMs = waitMs; !isSettled() && leftMs > 0; leftMs = deadlineMs - this.#clock.monotonicMs()) await this.#change(leftMs);
  }

  /** Begins nothing more; what is under way opens nothing (`Opening` asks `isStopped`). */
  stop(): void {
    this.#stopped = true;
    this.#pause?.cancel();
    this.#wanted.clear();
    this.#queue.length = 0;
    this.#changed();
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  #next(): void {
    while (this.#running < OPENINGS_MAX && this.#pause === undefined) {
      const partitionId = this.#queue.shift();
      if (partitionId === undefined) return;
      this.#running += 1;
      this.#open(partitionId)
        .then(
          () => this.#opened(partitionId),
          (error: unknown) => this.#failed(partitionId, error),
        )
        .finally(() => {
          this.#running -= 1;
          this.#next();
        });
    }
  }

  #opened(partitionId: number): void {
    if (this.#again.delete(partitionId) && !this.#stopped) {
      this.#queue.push(partitionId);
      return;
    }
    this.#wanted.delete(partitionId);
    this.#changed();
  }

  /** All of them rest: they ask the same store. */
  #failed(partitionId: number, error: unknown): void {
    if (this.#stopped) return;
    if (!(error instanceof QueueError && error.kind === "retry"))
      return this.#fatal(error instanceof Error ? error : new Error(String(error)));
    this.#again.delete(partitionId);
    this.#queue.push(partitionId);
    if (this.#pause !== undefined) return;
    this.#log.warn("partitions wait for what has to be read first", { partitions: this.#wanted.size, reason: error.message });
    this.#pause = this.#clock.after(OPENING_RETRY_MS, () => {
      this.#pause = undefined;
      this.#next();
    });
  }

  #changed(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  #change(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(waitMs, resolve);
      this.#waiters.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}
