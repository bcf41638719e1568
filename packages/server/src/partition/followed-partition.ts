import * as batch from "@tidemq/protocol/record-batch.ts";
import { QueueError } from "../base/errors.ts";
import type { LogHistory } from "../replication/log-history.ts";
import type { FollowedLog } from "../replication/logs.ts";
import type { Wal } from "../wal/wal.ts";
import { applyBehind } from "./header-fold.ts";
import { decodeHeaderFold, encodeHeaderFold } from "./header-fold-codec.ts";
import { historyOf } from "./led-log.ts";
import type { Partition } from "./partition.ts";

/** What the metadata says of the partition now. */
export type FollowedState = Readonly<{ uploadedEnd: number; isInSync: boolean }>;

/** A partition here that follows a leader elsewhere: its log grows by what that sends, and is cut where the two part. */
export class FollowedPartition implements FollowedLog {
  readonly partition: Partition;
  readonly #wal: Wal;
  readonly #state: () => FollowedState;
  /** The base is being brought to uploadedEnd. */
  #moving: Promise<void> | undefined;
  /** The live fold is being made again. */
  #truncating: Promise<void> | undefined;
  /** It could not be made again: what the log has cannot be read. */
  #isBroken = false;

  /** @param state As of the newest metadata that was applied here. */
  constructor(partition: Partition, wal: Wal, state: () => FollowedState) {
    this.partition = partition;
    this.#wal = wal;
    this.#state = state;
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
    return this.logEnd < this.#state().uploadedEnd;
  }

  get isDamaged(): boolean {
    return this.#isBroken || this.partition.wal.holes.length > 0;
  }

  history(): LogHistory {
    return historyOf(this.partition);
  }

  truncateTo(offset: number, leaderEpoch: number): Promise<void> {
    this.#truncating = this.#truncate(offset, leaderEpoch).finally(() => {
      this.#truncating = undefined;
    });
    return this.#truncating;
  }

  async #truncate(offset: number, leaderEpoch: number): Promise<void> {
    const { partition } = this;
    const { wal, base } = partition;
    if (offset < Math.max(partition.highWatermark, wal.uploadedEnd))
      throw new QueueError("CORRUPT_RECORD", `the leader would take back what is committed. partition=${this.name} from=${offset}`);
    wal.truncate(offset, leaderEpoch);
    partition.records = undefined;
    // A fold does not go back: it is made again from the base.
    this.#isBroken = true;
    const live = base.copy();
    await wal.scanHeaders(live.nextOffset, offset, (header, _address, appendTimeMs) => applyBehind(live, header, appendTimeMs));
    if (live.nextOffset < offset) live.skipTo(offset);
    partition.live = live;
    this.#isBroken = false;
  }

  /** A member of the in-sync set never gives up what is committed: it leaves the set first. */
  mayBeginAt(offset: number): boolean {
    const { uploadedEnd, isInSync } = this.#state();
    return offset === uploadedEnd && (!isInSync || this.partition.highWatermark <= offset);
  }

  beginAt(offset: number, base: Uint8Array): void {
    const { partition } = this;
    const { wal } = partition;
    const fold = decodeHeaderFold(base);
    if (fold.nextOffset !== offset) throw new QueueError("CORRUPT_RECORD", `the base belongs to another offset. partition=${this.name}`);
    fold.limit = partition.base.limit;
    fold.keepToLimit();
    wal.setUploadedEnd(offset);
    wal.installBase(offset, encodeHeaderFold(fold));
    partition.records = undefined;
    partition.base = fold;
    partition.live = fold.copy();
    partition.setMark(offset);
    this.#isBroken = false;
  }

  appendReplica(bytes: Uint8Array, start: number, length: number, appendTimeMs: number): boolean {
    const { partition } = this;
    if (!this.#wal.admitReplica(partition.wal, length)) return false;
    partition.wal.append(bytes, start, length, partition.logEnd, batch.leaderEpoch(bytes, start), appendTimeMs);
    partition.live.apply(bytes, start, appendTimeMs);
    return true;
  }

  learnMark(highWatermark: number): void {
    const mark = Math.min(highWatermark, this.logEnd);
    if (mark > this.partition.highWatermark) this.partition.setMark(mark);
  }

  /**
   * uploadedEnd was moved by an applied command, or more became durable since: brings the base there from the log, which then
   * lets go of what lies below. Not when the log does not reach it: then it begins anew.
   */
  followUploadedEnd(): Promise<void> {
    this.#moving ??= this.#moveBase().finally(() => {
      this.#moving = undefined;
    });
    return this.#moving;
  }

  async #moveBase(): Promise<void> {
    const { partition } = this;
    for (let end = this.#reachedEnd(); end !== undefined; end = this.#reachedEnd()) {
      await partition.foldAt(end);
      if (this.#reachedEnd() === end) partition.uploadedMoved(end);
    }
  }

  /** Where uploads have come to, when the base is to move there. */
  #reachedEnd(): number | undefined {
    const { wal } = this.partition;
    const { uploadedEnd } = this.#state();
    return uploadedEnd > wal.uploadedEnd && uploadedEnd <= wal.durableEnd ? uploadedEnd : undefined;
  }

  /** Both folds are where they should be: it can be led. */
  get isSettled(): boolean {
    return this.#truncating === undefined && !this.#isBroken && this.partition.uploadedEnd >= this.#state().uploadedEnd;
  }

  /** What it is waited for has been done, or could not be. */
  async settled(): Promise<void> {
    await this.#truncating?.catch(() => undefined);
    await this.followUploadedEnd();
  }
}
