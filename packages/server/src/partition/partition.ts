import * as batch from "@tidemq/protocol/record-batch.ts";
import { assert, must } from "../base/assert.ts";
import { type ErrorCode, kafkaErrorOf, QueueError } from "../base/errors.ts";
import type { TopicSettings } from "../config/topic-options.ts";
import { type Clock, nextTurn } from "../io/clock.ts";
import { assertLeaderNumbers } from "../model/partition-numbers.ts";
import { NO_RECORDS, type RecordSlices } from "../model/record-slices.ts";
import type { ReplicaSet } from "../replication/replica-set.ts";
import type { RemoteReader } from "../tier/remote-reader.ts";
import type { Wal, WalPartition } from "../wal/wal.ts";
import { ACKS_ALL, ACKS_LEADER, ACKS_MAJORITY, AckWaiters } from "./ack-waiters.ts";
import { AppendTime } from "./append-time.ts";
import { applyBehind, type HeaderFold } from "./header-fold.ts";
import { encodeHeaderFold } from "./header-fold-codec.ts";
import { BASES_AHEAD_MAX, FOLDED_BATCHES_PER_TURN, WAITERS_MAX } from "./limits.ts";
import { type MarkWaiter, MarkWaiters } from "./mark-waiters.ts";
import type { ProducerLimit } from "./producer-limit.ts";
import type { RecordFold, RecordFolds } from "./record-fold.ts";
import { foldOfBytes, replayRecords } from "./record-replay.ts";
import type { RestoredRecords } from "./restored-records.ts";

/** What never changes of a partition. */
export type PartitionIdentity = Readonly<{ id: number; topic: string; topicId: string; index: number }>;

export type PartitionParts = Readonly<{ clock: Clock; wal: Wal; remote: RemoteReader }>;

export type PartitionStart = Readonly<{
  wal: WalPartition;
  base: HeaderFold;
  live: HeaderFold;
  leaderEpoch: number;
  logStart: number;
  settings: TopicSettings;
  /** Of an internal partition: makes the folds of its records. */
  recordFolds: RecordFolds | undefined;
  /** With other replicas: how far it was known to be committed. Undefined: whatever is durable here is. */
  mark: number | undefined;
}>;

/** The other replicas of a partition that is led here. */
export type Followers = Readonly<{
  set: ReplicaSet;
  /** As the metadata has it now: with fewer members of the set nothing is taken that is to be with all of them. */
  minInSync: () => number;
  /** More is durable here. */
  grew: () => void;
  markMoved: () => void;
  /** They are to say whether they still follow. */
  ask: () => void;
}>;

/** Filled by `append`; valid until the next call. `code` undefined = accepted, or a duplicate of what was accepted. */
export type AppendResult = { code: ErrorCode | undefined; baseOffset: number; throttleMs: number };

/** Is told when records have become readable. */
export interface MarkListener {
  markMoved(partition: Partition): void;
}

/**
 * One partition that this broker has: its positions in the WAL, its fold, its mark. Where it is led, this owns the assignment of
 * offsets; where it is not, the log grows by what the leader sends (`followed-partition.ts`). All changes happen in synchronous functions.
 */
export class Partition {
  readonly identity: PartitionIdentity;
  readonly wal: WalPartition;
  leaderEpoch: number;
  settings: TopicSettings;
  /** Of an internal partition, at `logEnd`; undefined while that is not known, and of every other partition. */
  records: RecordFold | undefined;
  /** Some of them are damaged: they are not known until a person gives that part up. */
  recordsLost = false;
  /** The fold at `logEnd`. */
  live: HeaderFold;
  /** The fold at `uploadedEnd`. */
  base: HeaderFold;
  logStart: number;
  highWatermark: number;
  readonly #parts: PartitionParts;
  readonly recordFolds: RecordFolds | undefined;
  #appendTime: AppendTime;
  /** Undefined: there are none, or it is not led here. */
  #followers: Followers | undefined;
  /** It has other replicas, whether it is led here or not: what is durable here alone is not committed. */
  #isReplicated: boolean;
  /** It follows: is told when more is durable. */
  #follower: (() => void) | undefined;
  /** The end of the log when the present leader epoch began. */
  #epochStart: number;
  readonly #waiters = new MarkWaiters();
  readonly #earlyWaiters = new AckWaiters();
  /** Who waits until the followers have said that they still follow, in the order of the questions. */
  readonly #questions: { readonly asked: number; readonly resolve: () => void }[] = [];
  readonly #listeners = new Set<MarkListener>();
  readonly #result: AppendResult = { code: undefined, baseOffset: -1, throttleMs: 0 };
  /** By the offset at which they end; the newest last. */
  readonly #basesAhead = new Map<number, HeaderFold>();
  /** Done when the start of the log has been raised as often as was asked for. */
  #raised: Promise<unknown> = Promise.resolve();
  #open = true;

  constructor(identity: PartitionIdentity, start: PartitionStart, parts: PartitionParts) {
    this.identity = identity;
    this.wal = start.wal;
    this.base = start.base;
    this.live = start.live;
    this.leaderEpoch = start.leaderEpoch;
    this.logStart = start.logStart;
    this.live.setLogStart(start.logStart);
    this.base.setLogStart(start.logStart);
    this.settings = start.settings;
    this.recordFolds = start.recordFolds;
    this.#parts = parts;
    this.#appendTime = new AppendTime(parts.clock, start.live.lastAppendTimeMs);
    this.#isReplicated = start.mark !== undefined;
    this.highWatermark = Math.max(Math.min(start.mark ?? start.wal.durableEnd, start.wal.logEnd), this.uploadedEnd);
    this.#epochStart = start.wal.logEnd;
    start.wal.owner = this;
  }

  get logEnd(): number {
    return this.wal.logEnd;
  }

  get uploadedEnd(): number {
    return this.wal.uploadedEnd;
  }

  /** No transactions are accepted yet, so nothing below the mark is open. */
  get lastStable(): number {
    return this.highWatermark;
  }

  /**
   * Appends one batch whose header, size and checksum have been checked. Writes base offset and leader epoch into the
   * frame, which lie outside the checksum, then copies it into the WAL. The waiter is told when the batch is durable where `acks` asks
   * for it (`ack-waiters.ts`): when the mark reaches its end, or earlier. Not when the result carries a code.
   */
  append(bytes: Uint8Array, start: number, length: number, waiter: MarkWaiter | undefined, acks = ACKS_ALL): AppendResult {
    const result = this.#result;
    result.code = undefined;
    result.throttleMs = 0;
    result.baseOffset = -1;
    if (!this.#open) return this.#refuse("NOT_LEADER");
    if (this.#waiters.count + this.#earlyWaiters.count >= WAITERS_MAX) return this.#refuse("OVERLOADED");
    if (this.#followers !== undefined) {
      const refusal = this.#tooFew(this.#followers, acks);
      if (refusal !== undefined) return this.#refuse(refusal);
    } else if (acks > 1) return this.#refuse("INVALID_REQUIRED_ACKS");
    const producerId = batch.producerId(bytes, start);
    if (producerId >= 0 && !this.#mayFollow(bytes, start, producerId)) {
      if (result.code === undefined) this.#await(result.baseOffset + batch.lastOffsetDelta(bytes, start) + 1, waiter, acks);
      return result;
    }
    const throttleMs = this.#parts.wal.admit(this.wal, length);
    if (throttleMs < 0) return this.#refuse("WAL_FULL");
    const baseOffset = this.wal.logEnd;
    batch.setBaseOffset(bytes, start, baseOffset);
    batch.setLeaderEpoch(bytes, start, this.leaderEpoch);
    const appendTimeMs = this.#appendTime.next();
    this.wal.append(bytes, start, length, baseOffset, this.leaderEpoch, appendTimeMs);
    this.live.apply(bytes, start, appendTimeMs);
    assert(this.live.nextOffset === this.wal.logEnd, "fold and log end apart");
    if (this.recordFolds !== undefined) this.#applyRecords(bytes.subarray(start, start + length));
    result.baseOffset = baseOffset;
    result.throttleMs = throttleMs;
    this.#await(this.wal.logEnd, waiter, acks);
    return result;
  }

  /** Why so many cannot have it: there are not so many replicas at all, or not in sync at the moment. */
  #tooFew({ set, minInSync }: Followers, acks: number): ErrorCode | undefined {
    const { replicas, inSync } = set.members;
    if (acks === ACKS_ALL) return inSync.length < minInSync() ? "NOT_ENOUGH_REPLICAS" : undefined;
    if (acks > replicas.length) return "INVALID_REQUIRED_ACKS";
    return acks > inSync.length ? "NOT_ENOUGH_REPLICAS" : undefined;
  }

  #applyRecords(bytes: Uint8Array): void {
    must(this.records, "the fold of the records of an internal partition").apply(bytes);
  }

  /**
   * Whole batches from the one that holds `offset`, all below the mark; none when `offset` is the mark or above it but
   * within the log. At least one when `atLeastOne`, however large.
   * @throws QueueError OFFSET_OUT_OF_RANGE, CORRUPT_RECORD, NOT_LEADER; as a rejection when it has to be read.
   */
  read(offset: number, bytesMax: number, atLeastOne: boolean): RecordSlices | Promise<RecordSlices> {
    if (!this.#open && this.#follower === undefined) throw new QueueError("NOT_LEADER", `partition ${this.name} is not here`);
    if (offset < this.logStart || offset > this.logEnd) throw this.#outOfRange(offset);
    if (offset >= this.highWatermark) return NO_RECORDS;
    if (offset >= this.#localStart) return this.#readLocal(offset, bytesMax, atLeastOne);
    return this.#readRemote(offset, bytesMax, atLeastOne);
  }

  #outOfRange(offset: number): QueueError {
    const range = `[${this.logStart}, ${this.highWatermark}]`;
    return new QueueError("OFFSET_OUT_OF_RANGE", `offset out of range. partition=${this.name} requested=${offset} log=${range}`);
  }

  /** What is not uploaded is nowhere else, even where the log has lost it. */
  get #localStart(): number {
    return Math.min(this.wal.firstOffset, this.uploadedEnd);
  }

  #readLocal(offset: number, bytesMax: number, atLeastOne: boolean): RecordSlices | Promise<RecordSlices> {
    const elsewhere = (error: unknown): Promise<RecordSlices> => {
      if (!isDamage(error)) throw error;
      if (offset >= this.uploadedEnd) throw error.code === "CORRUPT_RECORD" && this.isElsewhere ? this.#givenUp(error) : error;
      return this.#readRemote(offset, bytesMax, atLeastOne);
    };
    try {
      const slices = this.wal.read(offset, this.highWatermark, bytesMax, atLeastOne);
      return slices instanceof Promise ? slices.catch(elsewhere) : slices;
    } catch (error) {
      return elsewhere(error);
    }
  }

  /** Others have all of it that is committed, as far as it is led or followed here: what is lost here is not lost. */
  get isElsewhere(): boolean {
    return this.#follower !== undefined || (this.inSyncCount ?? 1) > 1;
  }

  /** Others have it and lead it soon: a reader that looks for them finds what is lost here. */
  #givenUp(cause: QueueError): QueueError {
    return new QueueError("NOT_LEADER", `a part of ${this.name} cannot be read here, others have it: ask its leader`, { cause });
  }

  /** A stretch without any record (a loss that was accepted) may reach to uploadedEnd: the reader goes on behind it. */
  async #readRemote(offset: number, bytesMax: number, atLeastOne: boolean): Promise<RecordSlices> {
    const slices = await this.#parts.remote.read(this.identity.id, offset, this.uploadedEnd, bytesMax, atLeastOne);
    if (offset < this.logStart) {
      // Raised meanwhile: what was found may begin behind a gap that nobody would notice.
      slices.hold?.release();
      throw this.#outOfRange(offset);
    }
    const isEmpty = slices.pieces.length === 0 && slices.nextOffset > offset;
    const isBehind = isEmpty && slices.nextOffset >= this.#localStart;
    return isBehind ? this.read(slices.nextOffset, bytesMax, atLeastOne) : slices;
  }

  /** Not when everything from there to the mark was given up as lost. */
  hasRecordsFrom(offset: number): boolean {
    return this.wal.behindAccepted(offset) < this.highWatermark;
  }

  /** Roughly, from the sparse index: enough to decide whether a fetch has gathered its minimum. */
  bytesReadable(offset: number): number {
    return this.wal.bytesBetween(Math.max(offset, this.wal.firstOffset), this.highWatermark);
  }

  get name(): string {
    return `${this.identity.topic}-${this.identity.index}`;
  }

  listen(listener: MarkListener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: MarkListener): void {
    this.#listeners.delete(listener);
  }

  /** A group became durable. */
  durableMoved(): void {
    this.#followers?.grew();
    this.#follower?.();
    this.moveMark();
  }

  /** To where the in-sync set has everything. The only replica is its own set. */
  moveMark(): void {
    const { durableEnd } = this.wal;
    if (this.#followers !== undefined) {
      this.#raiseMark(this.#followers.set.markOf(durableEnd));
      this.#answerQuestions(this.#followers);
    } else if (!this.#isReplicated) this.#raiseMark(durableEnd);
    this.#earlyWaiters.reach(this.highWatermark, this.#endOfLevel);
  }

  /**
   * Undefined: nobody else can lead it. Else resolves when the whole in-sync set has said, since this was called, that it follows: what was known here
   * then was the newest. Also when it is led here no more.
   */
  stillLed(): Promise<void> | undefined {
    const followers = this.#followers;
    if (followers === undefined) return undefined;
    const asked = followers.set.ask();
    if (followers.set.isFollowed(asked)) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#questions.push({ asked, resolve });
    followers.ask();
    return promise;
  }

  #answerQuestions({ set }: Followers): void {
    while (this.#questions[0] !== undefined && set.isFollowed(this.#questions[0].asked)) this.#questions.shift()?.resolve();
  }

  /** How far the log is durable with so many. */
  readonly #endOfLevel = (acks: number): number | undefined => {
    const { durableEnd } = this.wal;
    if (acks === ACKS_LEADER || this.#followers === undefined) return durableEnd;
    const { set } = this.#followers;
    return set.endWith(acks === ACKS_MAJORITY ? Math.floor(set.members.inSync.length / 2) + 1 : acks, durableEnd);
  };

  /** Never back. */
  #raiseMark(highWatermark: number): void {
    if (highWatermark <= this.highWatermark) return;
    this.setMark(highWatermark);
    this.#waiters.reach(highWatermark, this.#failureOfAll());
    this.#tellListeners();
    this.#followers?.markMoved();
  }

  /** It follows, and the leader says so. @returns whether that is news. */
  learnMark(highWatermark: number): boolean {
    const mark = Math.min(highWatermark, this.logEnd);
    if (mark <= this.highWatermark) return false;
    this.setMark(mark);
    this.#tellListeners();
    return true;
  }

  #tellListeners(): void {
    for (const listener of this.#listeners) listener.markMoved(this);
  }

  /** Of who asked for all of the set, when that has fewer members than it should have. */
  #failureOfAll(): number {
    if (this.#followers === undefined || this.#waiters.count === 0) return 0;
    const refusal = this.#tooFew(this.#followers, ACKS_ALL);
    return refusal === undefined ? 0 : kafkaErrorOf("NOT_ENOUGH_REPLICAS_AFTER_APPEND");
  }

  /** Goes into the log with what is appended next. */
  setMark(highWatermark: number): void {
    this.highWatermark = highWatermark;
    this.wal.mark = highWatermark;
  }

  /** Whether the mark has reached what there was when this leader began: only then is it known how far the partition is committed. */
  get isEndKnown(): boolean {
    return this.highWatermark >= Math.min(this.#epochStart, this.logEnd);
  }

  /** What this follower has said to have, durably; undefined: nothing, or it is none. */
  followerEnd(broker: number): number | undefined {
    return this.#followers?.set.endOf(broker);
  }

  /** Members of the in-sync set; undefined: there is one replica. */
  get inSyncCount(): number | undefined {
    return this.#followers?.set.members.inSync.length;
  }

  /**
   * The fold of everything below `endOffset`, kept until uploadedEnd is applied that lies there. To be asked for before any
   * command that moves uploadedEnd over records: `commit-object`, and `raise-log-start` to the batch that logStart cuts.
   * Batches are read from the WAL, which still holds all of them: only what was applied lets them go.
   */
  async foldAt(endOffset: number): Promise<HeaderFold> {
    for (;;) {
      const start = this.base.nextOffset;
      const fold = this.base.copy();
      if (!(await this.#foldHeaders(fold, endOffset))) continue;
      if (!(await this.#foldRecords(fold, endOffset))) continue;
      // uploadedEnd moved meanwhile: some of the batches may have gone before they were read.
      if (start < this.base.nextOffset && this.base.nextOffset <= endOffset) continue;
      if (fold.nextOffset < endOffset) fold.skipTo(endOffset);
      fold.setLogStart(this.logStart);
      this.#keepAhead(fold);
      return fold;
    }
  }

  /** Brings the headers' part of the fold up to `endOffset`; false when the base moved meanwhile, so that what lay below was gone. */
  async #foldHeaders(fold: HeaderFold, endOffset: number): Promise<boolean> {
    const { base } = this;
    try {
      while (await this.#foldSome(fold, endOffset)) await this.#pause();
      return true;
    } catch (error) {
      if (base === this.base) throw error;
      return false;
    }
  }

  /** Brings the records' part of the fold up to `endOffset`; false when uploadedEnd moved meanwhile, so that they were gone. */
  async #foldRecords(fold: HeaderFold, endOffset: number): Promise<boolean> {
    if (this.recordFolds === undefined) return true;
    const { base } = this;
    try {
      const records = await foldOfBytes(this.recordFolds, fold.records, this.#pause);
      await replayRecords(records, this.wal, Math.max(0, fold.recordsEnd), endOffset, this.#pause);
      fold.records = await records.encode(this.#pause);
      fold.recordsEnd = endOffset;
      return true;
    } catch (error) {
      if (base === this.base) throw error;
      return false;
    }
  }

  readonly #pause = (): Promise<void> => nextTurn(this.#parts.clock);

  /** Applies the next batches below `endOffset`; false when these were all. */
  async #foldSome(fold: HeaderFold, endOffset: number): Promise<boolean> {
    let left = FOLDED_BATCHES_PER_TURN;
    await this.wal.scanHeaders(fold.nextOffset, endOffset, (header, _address, appendTimeMs) => {
      applyBehind(fold, header, appendTimeMs);
      left -= 1;
      return left > 0;
    });
    return left === 0;
  }

  #keepAhead(fold: HeaderFold): void {
    if (fold.nextOffset <= this.base.nextOffset) return;
    this.#basesAhead.delete(fold.nextOffset);
    this.#basesAhead.set(fold.nextOffset, fold);
    for (const oldest of this.#basesAhead.keys()) {
      if (this.#basesAhead.size <= BASES_AHEAD_MAX) return;
      this.#basesAhead.delete(oldest);
    }
  }

  /** The base's bytes for the log, which has room for so many producers. */
  baseForLog(): Uint8Array {
    this.base.keepToLimit();
    return encodeHeaderFold(this.base);
  }

  /**
   * Moves the start of the log up to `offset` by the command that `commit` gets done; it is given the first offset of the batch
   * that holds `offset`, whose fold is made before. One after the other: the fold of each has to be kept until it is applied.
   */
  raiseLogStart<T>(offset: number, commit: (batchOffset: number) => Promise<T>): Promise<T> {
    const raised = this.#raised.then(() => this.#raise(offset, commit));
    this.#raised = raised.catch(() => undefined);
    return raised;
  }

  async #raise<T>(offset: number, commit: (batchOffset: number) => Promise<T>): Promise<T> {
    const batchOffset = offset > this.uploadedEnd ? await this.#batchStart(offset) : offset;
    if (batchOffset > this.uploadedEnd) await this.foldAt(batchOffset);
    return commit(batchOffset);
  }

  /** First offset of the batch in the log that holds this one; the offset itself where none does. */
  async #batchStart(offset: number): Promise<number> {
    let start = offset;
    await this.wal.scanHeaders(offset, offset + 1, (header) => {
      if (batch.baseOffset(header, 0) <= offset && offset < batch.endOffset(header, 0)) start = batch.baseOffset(header, 0);
    });
    return start;
  }

  /** How many producers are remembered from now on. */
  limitProducers(limit: ProducerLimit): void {
    this.base.limit = limit;
    this.live.limit = limit;
  }

  /** uploadedEnd was moved here by an applied command. Without `foldAt` before it, what lies between was all hole. */
  uploadedMoved(uploadedEnd: number): void {
    const ahead = this.#basesAhead.get(uploadedEnd);
    if (ahead !== undefined) this.base = ahead;
    else if (this.base.nextOffset < uploadedEnd) this.#skipBaseTo(uploadedEnd);
    assert(this.base.nextOffset === uploadedEnd, "the base belongs to another offset");
    this.base.setLogStart(this.logStart);
    for (const end of this.#basesAhead.keys()) if (end <= uploadedEnd) this.#basesAhead.delete(end);
    this.wal.setUploadedEnd(uploadedEnd);
    if (this.#follower !== undefined) this.learnMark(uploadedEnd);
    this.#followers?.markMoved(); // and are told of the folds there
    this.assertNumbers();
  }

  /** What was skipped had no records: an internal partition's are what they were. */
  #skipBaseTo(uploadedEnd: number): void {
    this.base.skipTo(uploadedEnd);
    if (this.records !== undefined) this.base.recordsEnd = uploadedEnd;
  }

  /** Applied behind `uploadedMoved`, if the same command moved that. */
  logStartRaised(logStart: number): void {
    this.logStart = logStart;
    this.live.setLogStart(logStart);
    this.base.setLogStart(logStart);
    this.wal.setLogStart(logStart);
    this.assertNumbers();
  }

  /** A person gave up [from, to): reads pass over it from now on. */
  lossAccepted(from: number, to: number): void {
    this.wal.acceptLoss(from, to);
  }

  /** Led after `close`, or after it followed, in a new epoch, with everything that the log has. */
  resume(leaderEpoch: number): void {
    assert(leaderEpoch > this.leaderEpoch, "nobody resumes an old leader epoch");
    this.leaderEpoch = leaderEpoch;
    this.#appendTime = new AppendTime(this.#parts.clock, this.live.lastAppendTimeMs);
    this.#epochStart = this.logEnd;
    this.#open = true;
  }

  /** Led, and neither appended to nor uploaded since. */
  restored({ fold, bytes, base, uploadedEnd, logEnd }: RestoredRecords): void {
    assert(this.records === undefined && logEnd === this.logEnd, `the records of ${this.name} are folded once, to the end of the log`);
    assert(base === this.base && uploadedEnd === this.uploadedEnd, "uploadedEnd stands while records are restored");
    this.base.records = bytes;
    this.base.recordsEnd = uploadedEnd;
    this.records = fold;
  }

  /** Whoever else has it, from the beginning of a leader epoch on; undefined: nobody. */
  ledWith(followers: Followers | undefined): void {
    this.#followers = followers;
    this.#follower = undefined;
    // Asked of those who no longer matter: there was no leader in between.
    for (const { resolve } of this.#questions.splice(0)) resolve();
    this.#isReplicated = followers !== undefined;
    if (this.highWatermark < this.uploadedEnd) this.setMark(this.uploadedEnd);
    this.moveMark();
    this.assertNumbers();
  }

  /** Led elsewhere from now on: what is durable here says nothing of what is committed. `durableMoved` is told of it all the same. */
  follows(durableMoved: () => void): void {
    this.#isReplicated = true;
    this.#follower = durableMoved;
  }

  /**
   * Neither led nor followed: nothing is appended or read here any more; who waits learns that the outcome is unknown. What was appended
   * becomes durable all the same.
   */
  close(failure: number): void {
    this.#open = false;
    this.#followers = undefined;
    this.#follower = undefined;
    this.#waiters.failAll(failure);
    this.#earlyWaiters.failAll(failure);
    for (const { resolve } of this.#questions.splice(0)) resolve();
    this.#tellListeners();
    this.#listeners.clear();
  }

  /** Of a partition that is led here. */
  assertNumbers(): void {
    if (!this.#open) return;
    const { logStart, uploadedEnd, lastStable, highWatermark, logEnd } = this;
    assertLeaderNumbers({ logStart, uploadedEnd, lastStable, highWatermark, logEnd });
  }

  /** False when the batch is not to be appended: the result then says what it is. */
  #mayFollow(bytes: Uint8Array, start: number, producerId: number): boolean {
    const firstSequence = batch.baseSequence(bytes, start);
    const lastDelta = batch.lastOffsetDelta(bytes, start);
    switch (this.live.judge(producerId, batch.producerEpoch(bytes, start), firstSequence, lastDelta)) {
      case "next":
        return true;
      case "duplicate":
        this.#result.baseOffset = this.live.duplicateOffset(producerId, firstSequence, lastDelta);
        return false;
      case "old-duplicate":
        // Clients take that for acknowledged, though they learn no offset: it may be of a batch that is not committed yet.
        this.#refuse(this.live.producerEnd(producerId) <= this.highWatermark ? "DUPLICATE_SEQUENCE" : "NOT_ENOUGH_REPLICAS_AFTER_APPEND");
        return false;
      case "out-of-order":
        this.#refuse("OUT_OF_ORDER_SEQUENCE");
        return false;
      case "old-epoch":
        this.#refuse("INVALID_PRODUCER_EPOCH");
        return false;
    }
  }

  /** A batch that was here before may be where it has to be. */
  #await(endOffset: number, waiter: MarkWaiter | undefined, acks: number): void {
    if (waiter === undefined) return;
    if (endOffset <= this.highWatermark) return waiter.reached(endOffset, 0);
    if (acks === ACKS_ALL || !this.#isReplicated) return this.#waiters.add(endOffset, waiter);
    if (endOffset <= (this.#endOfLevel(acks) ?? -1)) waiter.reached(endOffset, 0);
    else this.#earlyWaiters.add(acks, endOffset, waiter);
  }

  #refuse(code: ErrorCode): AppendResult {
    this.#result.code = code;
    return this.#result;
  }
}

/** What is damaged or cannot be read here may be whole in object storage. */
function isDamage(error: unknown): error is QueueError {
  return error instanceof QueueError && (error.code === "CORRUPT_RECORD" || error.code === "WAL_UNREADABLE");
}
