import { assert } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import type { Timer } from "../io/clock.ts";
import { ObjectStoreError, type PutPace } from "../io/object-store.ts";
import { AGE_CHECK_MAX_MS, AGE_CHECK_MIN_MS, SECTIONS_MAX } from "./limits.ts";
import type { ManifestCache } from "./manifest-cache.ts";
import type { BuiltObject, SectionDraft } from "./object-builder.ts";
import type { CommitRequest } from "./object-index.ts";
import type { PutObject, StoreWatch } from "./put-object.ts";
import { RollQueue } from "./roll-queue.ts";
import { StoreHealth, type StoreState } from "./store-health.ts";
import {
  type Candidate,
  dueReason,
  paceUnder,
  planObject,
  type Share,
  type UploadReason,
  type UploadTriggers,
  type WalPressure,
} from "./upload-plan.ts";
import { readSource, type SourceRead } from "./upload-read.ts";
import type { UploadSource } from "./upload-source.ts";
import { UploadSources, type UploadSurvey } from "./upload-sources.ts";
import { commitRanges, storeSections, type UploadEvent, type UploadParts } from "./upload-task.ts";

export type UploaderOptions = Readonly<{
  triggers: UploadTriggers;
  /** Data of one object, about. */
  objectBytesMax: number;
  /** Record bytes held for uploads at a time; decides how many run. */
  windowBytes: number;
  uploadsMax: number;
}>;

export type UploaderParts = UploadParts &
  Readonly<{
    /** Shared with the reader: a roll needs the manifest that it continues. */
    manifests: ManifestCache;
    /** Asked often: constant time. */
    pressure: () => WalPressure;
    /** How full the fullest log of a follower is that the partition keeps; 0: none. Absent: nobody follows. */
    pinnedRatio?: ((partitionId: number) => number) | undefined;
    /** A broken invariant in the background: ends the process. */
    fatal: (error: Error) => void;
  }>;

/** Bytes that may become durable before anybody looks whether an upload is due, at most and as a part of the trigger. */
const CHECK_BYTES_MAX = 1024 * 1024;
const CHECK_RATIO = 1 / 16;

/**
 * Moves committed records of the partitions led here into object storage, behind everything else: decides when, puts
 * partitions together into objects, and repeats until it works. A store that fails costs nothing but space in the log.
 */
export class Uploader {
  readonly #parts: UploaderParts;
  readonly #sources: UploadSources;
  readonly #health: StoreHealth;
  readonly #rolls: RollQueue;
  readonly #observers: ((event: UploadEvent) => void)[] = [];
  readonly #uploadsMax: number;
  readonly #objectBytesMax: number;
  #triggers: UploadTriggers;
  #running = 0;
  #stopped = false;
  #draining = false;
  /** Why and how much of what was pending when a trigger fired is still to be taken. */
  #sweep: { reason: UploadReason; bytes: number } | undefined;
  #pendingBytes = 0;
  #notedBytes = 0;
  #checkSoon = false;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  readonly #changeWaiters: (() => void)[] = [];

  constructor(options: UploaderOptions, parts: UploaderParts) {
    this.#parts = parts;
    this.#sources = new UploadSources(parts.clock);
    this.#health = new StoreHealth(parts);
    this.#rolls = new RollQueue(parts, this.#sources, this.#watch, () => this.#changed());
    this.#triggers = options.triggers;
    this.#objectBytesMax = options.objectBytesMax;
    this.#uploadsMax = Math.max(1, Math.min(options.uploadsMax, Math.floor(options.windowBytes / options.objectBytesMax)));
  }

  /** From now on this partition, which is led here in the source's epoch, is uploaded. */
  add(source: UploadSource): void {
    if (this.#sources.add(source)) this.#look();
  }

  /** No longer led here. What is under way for it is judged by the state. */
  remove(partitionId: number): void {
    this.#sources.remove(partitionId);
  }

  /** Takes effect at once. */
  setTriggers(triggers: UploadTriggers): void {
    this.#triggers = triggers;
    this.#look();
  }

  get triggers(): UploadTriggers {
    return this.#triggers;
  }

  /** Bytes became durable in the log, of any partitions. Once per group, cheap. */
  noteDurable(bytes: number): void {
    this.#notedBytes += bytes;
    if (this.#notedBytes >= Math.min(CHECK_BYTES_MAX, this.#triggers.bytes * CHECK_RATIO)) {
      if (this.#mayBeDue()) this.#look();
      else this.#countNoted();
    } else if (this.#timer === undefined) this.#wakeWithin(Math.min(AGE_CHECK_MAX_MS, this.#triggers.ageMs));
  }

  /** What `pinnedRatio` says may have changed. */
  pinned(): void {
    this.#look();
  }

  /** Hears of every object after its commit was answered. Observers must not throw. */
  observe(observer: (event: UploadEvent) => void): void {
    this.#observers.push(observer);
  }

  get storeState(): StoreState {
    return this.#health.state;
  }

  /** Uploads and rolls of manifests under way. */
  get running(): number {
    return this.#running + this.#rolls.running;
  }

  /** Bytes not uploaded, about. */
  get pendingBytes(): number {
    return this.#pendingBytes + this.#notedBytes;
  }

  /** Uploads everything there is, whatever the triggers say. Resolves with whether nothing is left, at the latest after `waitMs`. */
  async drain(waitMs: number): Promise<boolean> {
    this.#draining = true;
    this.#look();
    const deadlineMs = this.#parts.clock.monotonicMs() + waitMs;
    while (!this.#stopped && this.#left() && this.#parts.clock.monotonicMs() < deadlineMs) await this.#changeBefore(deadlineMs);
    this.#draining = false;
    this.#sweep = undefined;
    return !this.#left();
  }

  /**
   * Begins nothing more. Resolves when what is under way has ended, at the latest after `waitMs`, with whether it has. What
   * is in the store without a commit then is dead bytes.
   */
  async stop(waitMs: number): Promise<boolean> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    const deadlineMs = this.#parts.clock.monotonicMs() + waitMs;
    while (this.running > 0 && this.#parts.clock.monotonicMs() < deadlineMs) await this.#changeBefore(deadlineMs);
    return this.running === 0;
  }

  #left(): boolean {
    return this.running > 0 || this.#sources.survey().pendingPartitions > 0;
  }

  /** The end of some upload, or the deadline. */
  #changeBefore(deadlineMs: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const timer = this.#parts.clock.after(Math.max(0, deadlineMs - this.#parts.clock.monotonicMs()), resolve);
      this.#changeWaiters.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #countNoted(): void {
    this.#pendingBytes += this.#notedBytes;
    this.#notedBytes = 0;
    if (this.#timer === undefined) this.#wakeWithin(Math.min(AGE_CHECK_MAX_MS, this.#triggers.ageMs));
  }

  /** Cheap and never wrong in the negative, ages apart: those have a timer. */
  #mayBeDue(): boolean {
    if (this.#running >= this.#uploadsMax || this.#parts.clock.monotonicMs() < this.#health.retryAtMs) return false;
    const { usedRatio, indexFull } = this.#parts.pressure();
    return indexFull || usedRatio >= this.#triggers.walUsedRatio || this.#pendingBytes + this.#notedBytes >= this.#triggers.bytes;
  }

  /** Looks at all partitions in the next turn, however often it is asked for in this one. */
  #look(): void {
    if (this.#checkSoon || this.#stopped) return;
    this.#checkSoon = true;
    this.#parts.clock.nextTurn(() => {
      this.#checkSoon = false;
      if (!this.#stopped) this.#check();
    });
  }

  #check(): void {
    const survey = this.#sources.survey(this.#parts.pinnedRatio);
    this.#pendingBytes = survey.pendingBytes;
    this.#notedBytes = 0;
    let free = survey.candidates.filter(({ partitionId }) => this.#rolls.hasRoom(partitionId));
    if (this.#mayBegin()) this.#rolls.begin();
    while (this.#mayBegin() && free.length > 0) {
      const reason = this.#reason(free, survey.pendingBytes);
      if (reason === undefined) break;
      const shares = planObject(free, reason, this.#triggers, this.#objectBytesMax, SECTIONS_MAX);
      if (shares.length === 0) break;
      const taken = new Set(shares.map((share) => share.partitionId));
      free = free.filter((candidate) => !taken.has(candidate.partitionId));
      this.#begin(shares);
    }
    this.#planWake(survey);
  }

  #mayBegin(): boolean {
    if (this.#stopped || this.#parts.clock.monotonicMs() < this.#health.retryAtMs) return false;
    return this.#running < (this.#health.failing ? 1 : this.#uploadsMax);
  }

  /** A trigger that fired holds until as much was taken as was pending then; ages and holes are looked at each time. */
  #reason(free: readonly Candidate[], pendingBytes: number): UploadReason | undefined {
    const reason = dueReason(free, this.#parts.pressure(), this.#triggers, this.#draining);
    if (reason === "hole" || reason === "follower-used") return reason;
    if (reason === undefined || reason === "age") return this.#sweep?.reason ?? reason;
    this.#sweep = { reason, bytes: Math.max(this.#sweep?.bytes ?? 0, pendingBytes) };
    return reason;
  }

  #begin(shares: readonly Share[]): void {
    const sources = shares.map((share) => this.#sources.begin(share.partitionId));
    this.#running += 1;
    this.#upload(sources, shares)
      .catch((error: unknown) => this.#parts.fatal(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        this.#running -= 1;
        this.#changed();
      });
  }

  #changed(): void {
    for (const waiter of this.#changeWaiters.splice(0)) waiter();
    this.#look();
  }

  /** One object from the log to the commit. Ends quietly whatever the store does. */
  async #upload(sources: readonly UploadSource[], shares: readonly Share[]): Promise<void> {
    const startMs = this.#parts.clock.monotonicMs();
    const reads: SourceRead[] = [];
    const puts: PutObject[] = [];
    try {
      await this.#readAll(sources, shares, reads);
      await this.#commitEmpty(reads, startMs);
      const drafts = reads.flatMap((read) => read.draft ?? []).sort((a, b) => a.data.partitionId - b.data.partitionId);
      this.#takeFromSweep(drafts);
      if (drafts.length > 0) await this.#storeAndCommit(drafts, puts, startMs);
    } finally {
      for (const source of sources) this.#sources.end(source.partitionId);
      for (const put of puts) await put.settled();
      for (const read of reads) read.release();
    }
  }

  /** The oldest first, until data and bases fill the object; the rest is planned anew. */
  async #readAll(sources: readonly UploadSource[], shares: readonly Share[], reads: SourceRead[]): Promise<void> {
    let bytes = 0;
    for (const [n, source] of sources.entries()) {
      if (bytes >= this.#objectBytesMax) return;
      await this.#read(source, shares[n]?.bytesMax ?? 0, reads);
      const draft = reads.at(-1)?.draft;
      if (draft?.data.partitionId === source.partitionId) bytes += draft.data.dataBytes + draft.base.byteLength;
    }
  }

  async #read(source: UploadSource, bytesMax: number, reads: SourceRead[]): Promise<void> {
    try {
      if (source.highWatermark > source.uploadedEnd) reads.push(await readSource(source, bytesMax, this.#parts.clock));
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      this.#parts.metrics.uploadFailures += 1;
      this.#parts.log.error("a partition cannot be read for upload", { partition: source.partitionId, error: error.message });
      this.#sources.rest(source.partitionId);
    }
  }

  #takeFromSweep(drafts: readonly SectionDraft[]): void {
    if (this.#sweep === undefined) return;
    for (const draft of drafts) this.#sweep.bytes -= draft.data.dataBytes;
    if (this.#sweep.bytes <= 0 || drafts.length === 0) this.#sweep = undefined;
  }

  async #commitEmpty(reads: readonly SourceRead[], startMs: number): Promise<void> {
    const ranges = reads.flatMap((read) => read.empty ?? []);
    if (ranges.length > 0) await this.#commit({ object: undefined, ranges }, 0, startMs);
  }

  async #storeAndCommit(drafts: readonly SectionDraft[], puts: PutObject[], startMs: number): Promise<void> {
    try {
      const built = await storeSections(this.#parts, drafts, this.#pace(), this.#watch, puts);
      this.#parts.metrics.objectsUploaded += 1;
      this.#parts.metrics.objectBytesUploaded += built.bytes;
      await this.#commitObject(built, startMs);
    } catch (error) {
      if (!(error instanceof ObjectStoreError)) throw error;
      this.#parts.metrics.uploadFailures += 1;
      this.#health.giveUp();
    }
  }

  async #commitObject({ identity: { object }, ranges, bytes }: BuiltObject, startMs: number): Promise<void> {
    try {
      await this.#commit({ object, ranges }, bytes, startMs);
    } finally {
      this.#parts.ids.close(object);
    }
  }

  #pace(): PutPace {
    return this.#draining ? "urgent" : paceUnder(this.#parts.pressure(), this.#triggers);
  }

  async #commit(request: CommitRequest, objectBytes: number, startMs: number): Promise<void> {
    const reply = await commitRanges(this.#parts, request, this.#watch);
    if (reply === undefined) return;
    const { metrics, log, clock } = this.#parts;
    assert(reply.accepted.length + reply.refused.length === request.ranges.length, "every range of a commit is judged");
    metrics.rangesCommitted += reply.accepted.length;
    metrics.rangesRefused += reply.refused.length;
    for (const range of reply.accepted) {
      if (range.object === undefined) metrics.emptyRangesCommitted += 1;
      this.#sources.get(range.partitionId)?.uploadedTo(range.endOffset);
      this.#sources.worked(range.partitionId);
      this.#rolls.ranges(range.partitionId);
    }
    for (const range of reply.refused) {
      this.#sources.rest(range.partitionId);
      log.warn("an uploaded range was refused", { partition: range.partitionId, start: range.startOffset, end: range.endOffset });
    }
    const tookMs = clock.monotonicMs() - startMs;
    metrics.uploadMsTotal += tookMs;
    for (const observer of this.#observers)
      observer({ object: request.object, objectBytes, accepted: reply.accepted, refused: reply.refused, tookMs });
  }

  readonly #watch: StoreWatch = {
    stored: () => this.#health.works(),
    failed: (error) => this.#health.noteError(error),
    gaveUp: () => this.#health.giveUp(),
    stopped: () => this.#stopped,
  };

  /** One timer for everything that time alone makes due. None when nothing is pending. */
  #planWake(survey: UploadSurvey): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (survey.pendingPartitions === 0) return;
    if (this.#health.retryAtMs > nowMs) return this.#wakeWithin(this.#health.retryAtMs - nowMs);
    let waitMs = AGE_CHECK_MAX_MS;
    for (const candidate of survey.candidates) waitMs = Math.min(waitMs, this.#triggers.ageMs - candidate.ageMs);
    waitMs = Math.min(Math.max(AGE_CHECK_MIN_MS, waitMs), survey.restsUntilMs - nowMs);
    this.#wakeWithin(Math.max(0, waitMs));
  }

  #wakeWithin(waitMs: number): void {
    if (this.#stopped) return;
    const { clock } = this.#parts;
    const atMs = clock.monotonicMs() + waitMs;
    if (this.#timer !== undefined && this.#timerAtMs <= atMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#look();
    });
  }
}
