import * as batch from "@tidemq/protocol/record-batch.ts";
import { QueueError } from "../base/errors.ts";
import type { LogHistory } from "../replication/log-history.ts";
import type { FoldDigest, FollowedLog } from "../replication/logs.ts";
import type { Log } from "../telemetry/log.ts";
import type { Wal } from "../wal/wal.ts";
import { areEqual, digestOf } from "./fold-digest.ts";
import { FollowedRecords, isWhole, type RecordSource } from "./followed-records.ts";
import { applyBehind, type HeaderFold } from "./header-fold.ts";
import { decodeHeaderFold, encodeHeaderFold } from "./header-fold-codec.ts";
import { historyOf } from "./led-log.ts";
import { UNREADABLE_TRIES_MAX } from "./limits.ts";
import type { Partition } from "./partition.ts";

/** Told when a replica does not remember what its leader does. */
export const FOLDS_DIFFER = "what a replica remembers is not what its leader does: it begins anew";

/** What its log has when it begins to follow: nothing that is of use when "hollow", and not everything that was durable when "lost". */
export type FollowedStart = "whole" | "hollow" | "lost";

/** What the metadata says of the partition now. */
export type FollowedState = Readonly<{
  uploadedEnd: number;
  isInSync: boolean;
  /** Others are, and are ready. */
  isElsewhere: boolean;
}>;

export type FollowedParts = Readonly<{
  wal: Wal;
  /** As of the newest metadata that was applied here. */
  state: () => FollowedState;
  records: RecordSource;
  /** Something that was durable here cannot be read any more. */
  damaged: () => void;
  /** What keeps the folds behind is to be tried again after a while. */
  later: (run: () => void) => void;
  log: Log;
  fatal: (error: Error) => void;
}>;

/**
 * A partition here that follows a leader elsewhere: its log grows by what that sends, and is cut where the two part. Its folds keep up behind
 * that, one step after the other.
 */
export class FollowedPartition implements FollowedLog {
  readonly partition: Partition;
  readonly #parts: FollowedParts;
  /** Undefined: its records are not folded. */
  readonly #records: FollowedRecords | undefined;
  /** The folds are being brought forward; asked for again since, when `#isWanted`. */
  #moving: Promise<void> | undefined;
  #isWanted = false;
  /** The live fold is being made again. */
  #truncating: Promise<void> | undefined;
  /** Counts how often the log was cut or began anew: what was awaited since counts for nothing. */
  #serial = 0;
  /** One of the folds could not be made: what the log has cannot be read. */
  #isBroken = false;
  /** The disk has not given for long what they need, and others have it. */
  #isGivenUp = false;
  /** How often in a row, and whether it is asked again soon. */
  #unreadableTries = 0;
  #isWaiting = false;
  #isHollow: boolean;
  /** Of an offset that the base here has not reached yet. */
  #leadersFold: FoldDigest | undefined;
  /** To be led here: who is elected has everything that is committed, whether it has heard so or not. */
  #isElected = false;
  #isOver = false;

  constructor(partition: Partition, start: FollowedStart, parts: FollowedParts) {
    this.partition = partition;
    this.#parts = parts;
    this.#isHollow = start === "hollow";
    this.#isBroken = start === "lost";
    this.#records = partition.recordFolds && new FollowedRecords(partition, parts.records);
  }

  get id(): number {
    return this.partition.identity.id;
  }

  get name(): string {
    return this.partition.name;
  }

  get logEnd(): number {
    return this.partition.logEnd;
  }

  get durableEnd(): number {
    return this.partition.wal.durableEnd;
  }

  get isBehind(): boolean {
    return this.logEnd < this.#parts.state().uploadedEnd;
  }

  /** Nor is it known what it has while it is being cut. */
  get isDamaged(): boolean {
    return this.#isHollow || this.#truncating !== undefined || this.isLost;
  }

  /** Something of it that was durable is not here any more, or cannot be read. */
  get isLost(): boolean {
    const isBroken = this.#isBroken && this.#truncating === undefined;
    return isBroken || this.#isGivenUp || this.#records?.isLost === true || this.partition.wal.holes.length > 0;
  }

  get pinsLog(): boolean {
    return this.partition.wal.pinsOldest;
  }

  /** It has nothing, and waits for the leader's base: whoever leads it begins with the object that ends at uploadedEnd. */
  get isHollow(): boolean {
    return this.#isHollow;
  }

  history(): LogHistory {
    return historyOf(this.partition);
  }

  truncateTo(offset: number, leaderEpoch: number): Promise<void> {
    if (offset < Math.max(this.partition.highWatermark, this.partition.uploadedEnd)) {
      const what = `the leader would take back what is committed. partition=${this.name} from=${offset}`;
      return Promise.reject(new QueueError("CORRUPT_RECORD", what));
    }
    const truncating = this.#truncate(offset, leaderEpoch).finally(() => {
      if (this.#truncating !== truncating) return;
      this.#truncating = undefined;
      if (this.#isBroken) this.#parts.damaged();
    });
    this.#truncating = truncating;
    return truncating;
  }

  async #truncate(offset: number, leaderEpoch: number): Promise<void> {
    const { partition } = this;
    const { wal } = partition;
    const serial = this.#begun();
    wal.truncate(offset, leaderEpoch);
    // A fold does not go back: it is made again from the base.
    this.#records?.forget();
    this.#isBroken = true;
    if (wal.durableEnd < offset) await this.#parts.wal.synced();
    const live = await this.#liveUpTo(offset, serial);
    // Another leader may have had it cut again, or given it a base: that is what counts.
    if (live === undefined) return;
    if (live.nextOffset < offset) live.skipTo(offset);
    partition.live = live;
    this.#isBroken = false;
    this.catchUp();
  }

  /** Made from the base; undefined when everything was begun anew meanwhile. */
  async #liveUpTo(offset: number, serial: number): Promise<HeaderFold | undefined> {
    if (serial !== this.#serial) return undefined;
    const { base, wal } = this.partition;
    const live = base.copy();
    await wal.scanHeaders(live.nextOffset, offset, (header, _address, appendTimeMs) => applyBehind(live, header, appendTimeMs));
    if (serial !== this.#serial) return undefined;
    // What lies below a base that has moved meanwhile may have gone before it was read.
    return base === this.partition.base ? live : this.#liveUpTo(offset, serial);
  }

  #begun(): number {
    this.#serial += 1;
    return this.#serial;
  }

  /**
   * A member of the in-sync set gives up nothing that may be committed, which is all that it has, whatever mark it was told: it leaves
   * the set first.
   */
  mayBeginAt(offset: number): boolean {
    const { uploadedEnd, isInSync } = this.#parts.state();
    return offset === uploadedEnd && (!isInSync || this.logEnd <= offset);
  }

  beginAt(offset: number, base: Uint8Array): void {
    const { partition } = this;
    const { wal } = partition;
    const fold = decodeHeaderFold(base);
    if (fold.nextOffset !== offset) throw new QueueError("CORRUPT_RECORD", `the base belongs to another offset. partition=${this.name}`);
    if (this.#records !== undefined && !isWhole(fold))
      throw new QueueError("CORRUPT_RECORD", `the base lacks what its records made. partition=${this.name}`);
    fold.limit = partition.base.limit;
    fold.keepToLimit();
    this.#begun();
    this.#truncating = undefined;
    wal.setUploadedEnd(offset);
    wal.installBase(offset, encodeHeaderFold(fold));
    partition.base = fold;
    partition.live = fold.copy();
    partition.setMark(offset);
    this.#records?.forget();
    this.#isBroken = this.#isHollow = this.#isGivenUp = false;
    this.#unreadableTries = 0;
    this.#leadersFold = undefined;
    this.catchUp();
  }

  appendReplica(bytes: Uint8Array, start: number, length: number, appendTimeMs: number): boolean {
    const { partition } = this;
    if (!this.#parts.wal.admitReplica(partition.wal, length)) return false;
    partition.wal.append(bytes, start, length, partition.logEnd, batch.leaderEpoch(bytes, start), appendTimeMs);
    partition.live.apply(bytes, start, appendTimeMs);
    return true;
  }

  learnMark(highWatermark: number): void {
    if (this.partition.learnMark(highWatermark) && this.#reachedEnd() !== undefined) this.catchUp();
  }

  learnFold(digest: FoldDigest): void {
    this.#leadersFold = digest;
    this.#compareFolds();
  }

  /** Where both are at the same offset. The leader's goes into objects: what differs here is made anew from it. */
  #compareFolds(): void {
    const { base, logStart } = this.partition;
    const leaders = this.#leadersFold;
    if (leaders === undefined || base.nextOffset < leaders.offset) return;
    this.#leadersFold = undefined;
    const own = base.nextOffset === leaders.offset && logStart === leaders.logStart ? digestOf(base, logStart) : undefined;
    if (own === undefined || areEqual(own, leaders)) return;
    this.#parts.log.error(FOLDS_DIFFER, { partition: this.name, offset: own.offset });
    this.#isBroken = true;
    this.#parts.damaged();
  }

  /**
   * More became durable, or uploadedEnd was moved by an applied command, or more is known to be committed: brings the folds there from the
   * log, which then lets go of what lies below. Not when the log does not reach it: then it begins anew.
   */
  catchUp(): void {
    this.#catchUp().catch((error: unknown) => this.#parts.fatal(error as Error));
  }

  #catchUp(): Promise<void> {
    if (this.#isOver || this.#isHollow || this.#isGivenUp) return Promise.resolve();
    this.#isWanted = true;
    this.#moving ??= this.#moveAll();
    return this.#moving;
  }

  async #moveAll(): Promise<void> {
    while (this.#isWanted && !this.#isOver) {
      this.#isWanted = false;
      await this.#truncating?.catch(() => undefined);
      if (!(await this.#move())) break;
    }
    this.#moving = undefined;
  }

  /** False: there is no going on now. */
  async #move(): Promise<boolean> {
    const { partition } = this;
    if (this.#records !== undefined && !(await this.#records.advance())) {
      if (this.#isOver) return false;
      if (this.#records.isLost) this.#parts.damaged();
      else this.#tryLater(this.#records.isUnreadable);
      return false;
    }
    const end = this.#reachedEnd();
    const isThere = end === undefined || this.#isBroken;
    if (!isThere && !(await this.#foldAt(end))) return false;
    this.#unreadableTries = 0;
    if (isThere) return true;
    this.#isWanted = true;
    if (!this.#isOver && this.#reachedEnd() === end) partition.uploadedMoved(end);
    this.#compareFolds();
    return true;
  }

  /** False: what lies below cannot be read, ever or at present. */
  async #foldAt(end: number): Promise<boolean> {
    try {
      await this.partition.foldAt(end);
      return true;
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      if (this.#isOver) return false;
      this.#isBroken = error.code !== "WAL_UNREADABLE";
      if (this.#isBroken) this.#parts.damaged();
      else this.#tryLater(true);
      return false;
    }
  }

  /** What the disk does not give for long is taken for lost, where others have it: else the log could never let go of it. */
  #tryLater(isUnreadable: boolean): void {
    if (isUnreadable && this.#unreadableTries >= UNREADABLE_TRIES_MAX && this.#parts.state().isElsewhere) {
      this.#isGivenUp = true;
      return this.#parts.damaged();
    }
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#parts.later(() => {
      this.#isWaiting = false;
      if (isUnreadable) this.#unreadableTries += 1;
      this.catchUp();
    });
  }

  /**
   * Where uploads have come to, when the base is to move there. What lies below the mark is the leader's; anything else may be of one
   * that was replaced, and will be cut.
   */
  #reachedEnd(): number | undefined {
    const { wal, highWatermark } = this.partition;
    const { uploadedEnd } = this.#parts.state();
    const known = this.#isElected ? wal.durableEnd : Math.min(wal.durableEnd, highWatermark);
    return uploadedEnd > wal.uploadedEnd && uploadedEnd <= known ? uploadedEnd : undefined;
  }

  /** Both folds are where they should be: it can be led. */
  get isSettled(): boolean {
    const isReached = this.partition.uploadedEnd >= this.#parts.state().uploadedEnd;
    return this.#truncating === undefined && !this.#isBroken && isReached && this.#records?.isSettled !== false;
  }

  /** It is to be led here: what it is waited for has been done, or could not be. Nothing is appended meanwhile. */
  async settled(): Promise<void> {
    this.#isElected = true;
    this.#isGivenUp = false; // nobody else has it any more
    await this.#truncating?.catch(() => undefined);
    const { wal } = this.partition;
    if (wal.durableEnd < wal.logEnd) await this.#parts.wal.synced();
    await this.#catchUp();
  }

  /**
   * It is to be led here, and nobody else has it: what cannot be read is passed over, and what it made is not known. Whose epoch each batch is
   * of stays known: by that followers find where their logs part from this one.
   */
  passOver(): void {
    const { partition } = this;
    const { uploadedEnd } = this.#parts.state();
    if (partition.uploadedEnd < uploadedEnd) partition.uploadedMoved(uploadedEnd);
    partition.base.takeEpochs(partition.live);
    const live = partition.base.copy();
    live.skipTo(partition.logEnd);
    live.takeEpochs(partition.live);
    partition.live = live;
    this.#isBroken = false;
  }

  /** Somebody else leads it after all. */
  followed(): void {
    this.#isElected = false;
  }

  /** The broker stops: nothing more is read. */
  stop(): void {
    this.#isOver = true;
  }

  /** It follows no more: it is led here, or was here once. */
  end(): void {
    this.#isOver = true;
    if (!this.isDamaged) this.partition.records = this.#records?.take();
    this.#records?.forget();
  }
}
