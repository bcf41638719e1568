import { QueueError } from "../base/errors.ts";
import type { Timer } from "../io/clock.ts";
import { ObjectStoreError } from "../io/object-store.ts";
import type { Log } from "../telemetry/log.ts";
import { CollectionRound, OlderMetadataError, type RoundParts } from "./collection-round.ts";
import { COLLECT_DELAY_MS, COLLECT_REST_FACTOR, COLLECT_RETRY_MAX_MS, COLLECT_RETRY_MIN_MS, COLLECT_UNASKED_MS } from "./limits.ts";
import { WalkEnded } from "./object-references.ts";

export type CollectorParts = Omit<RoundParts, "stopped"> &
  Readonly<{
    log: Log;
    /** A broken invariant in the background: ends the process. */
    fatal: (error: Error) => void;
  }>;

/** Deletes objects that nobody can read any more: soon after somebody gave something up, and now and then unasked. */
export class Collector {
  readonly #parts: CollectorParts;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  /** One after the other: collections, and who wants none under way. */
  #turn: Promise<unknown> = Promise.resolve();
  #isAsked = false;
  #stopped = false;
  #isFirst = true;
  #failures = 0;
  #restsUntilMs = 0;
  #signs = 0;
  #problem: string | undefined;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  /** What an earlier process left is looked for at once. */
  start(): void {
    this.ask();
  }

  /** Something was given up: a topic, the front of a log. */
  ask(): void {
    this.#isAsked = true;
    this.#plan();
  }

  /** Whether uploads have left something behind since the last collection: objects whose commit failed, replaced manifests. */
  look(): void {
    if (this.#leftBehind() !== this.#signs) this.ask();
  }

  /** Why nothing is deleted; undefined: nothing stands in the way. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Nothing is under way, nor asked for: only time brings the next collection. */
  get isSettled(): boolean {
    return !this.#isAsked && this.#running === undefined;
  }

  /** Runs while no collection does. */
  alone<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(run);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** Begins nothing more; resolves when what is under way has ended, at the latest after `waitMs`. */
  async stop(waitMs: number): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    if (this.#running === undefined) return;
    let timer: Timer | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = this.#parts.clock.after(waitMs, resolve);
    });
    await Promise.race([this.#running, waited]);
    timer?.cancel();
  }

  #leftBehind(): number {
    const { uploadFailures, putsUnknown, putMismatches, rangesRefused, manifestsWritten, manifestsRefused } = this.#parts.metrics;
    return uploadFailures + putsUnknown + putMismatches + rangesRefused + manifestsWritten + manifestsRefused;
  }

  #plan(): void {
    if (this.#stopped || this.#running !== undefined) return;
    const { clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const waitMs = this.#isAsked ? Math.max(COLLECT_DELAY_MS, this.#restsUntilMs - nowMs) : COLLECT_UNASKED_MS;
    if (this.#timer !== undefined && this.#timerAtMs <= nowMs + waitMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = nowMs + waitMs;
    this.#timer = clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#begin();
    });
  }

  #begin(): void {
    this.#running = this.alone(() => this.#collect())
      .catch((error: unknown) => this.#parts.fatal(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        this.#running = undefined;
        this.#plan();
      });
  }

  async #collect(): Promise<void> {
    const { clock, metrics } = this.#parts;
    if (this.#stopped) return;
    this.#isAsked = false;
    this.#signs = this.#leftBehind();
    const round = new CollectionRound({ ...this.#parts, stopped: () => this.#stopped });
    const before = { objects: metrics.objectsCollected, bytes: metrics.bytesCollected };
    try {
      await round.run(this.#isFirst);
      this.#succeeded(round, before);
    } catch (error) {
      this.#failed(error);
    }
    this.#restsUntilMs = Math.max(this.#restsUntilMs, clock.monotonicMs() + COLLECT_REST_FACTOR * round.workMs);
  }

  #succeeded(round: CollectionRound, before: Readonly<{ objects: number; bytes: number }>): void {
    const { metrics, log } = this.#parts;
    this.#isFirst = false;
    this.#failures = 0;
    metrics.collections += 1;
    if (round.unknown > 0) this.#isAsked = true;
    this.#tell(round.unreadable === 0 ? undefined : `${round.unreadable} manifests cannot be read: what they may name is not deleted`);
    const objects = metrics.objectsCollected - before.objects;
    if (objects > 0) log.info("objects of no use were deleted", { objects, bytes: metrics.bytesCollected - before.bytes });
  }

  /** Whatever it was, the next one begins anew. */
  #failed(error: unknown): void {
    if (error instanceof WalkEnded || this.#stopped) return;
    const { clock, metrics } = this.#parts;
    if (error instanceof OlderMetadataError) this.#tell(error.message);
    else if (!(error instanceof QueueError || error instanceof ObjectStoreError)) throw error;
    else if (this.#failures === 0) this.#parts.log.warn("objects of no use could not be deleted; tried again", { error: error.message });
    metrics.collectionFailures += 1;
    this.#isAsked = true;
    this.#restsUntilMs = clock.monotonicMs() + Math.min(COLLECT_RETRY_MAX_MS, COLLECT_RETRY_MIN_MS * 2 ** Math.min(20, this.#failures));
    this.#failures += 1;
  }

  #tell(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem) this.#parts.log.error("the bucket is not cleaned up", { reason: problem });
    this.#problem = problem;
  }
}
