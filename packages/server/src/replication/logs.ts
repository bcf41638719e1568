import type { RecordSlices } from "../model/record-slices.ts";
import type { LogHistory } from "./log-history.ts";

/** Whole batches, and when each of them was appended. */
export type ReplicaRead = RecordSlices & Readonly<{ appendTimesMs: readonly number[] }>;

/** Checksums of the folds at an offset that an object ends with, which are the same on every replica. */
export type FoldDigest = Readonly<{ offset: number; logStart: number; headers: number; records?: number | undefined }>;

/** A partition that is led here, as its followers need it. */
export interface LedLog {
  readonly id: number;
  readonly name: string;
  readonly leaderEpoch: number;
  readonly logEnd: number;
  readonly durableEnd: number;
  readonly uploadedEnd: number;
  readonly highWatermark: number;
  history(): LogHistory;
  /** Of the batches from there to the log's end, about. */
  bytesFrom(offset: number): number;
  /** The fold at uploadedEnd, encoded; undefined: what its records made is not known yet. */
  baseForReplica(): Uint8Array | undefined;
  /** Of the folds at uploadedEnd; undefined: they cannot be compared. */
  foldDigest(): FoldDigest | undefined;
  /**
   * Durable batches from `offset` on, one at least; none at the end. May hold memory of the log until it is released.
   * @throws {QueueError} CORRUPT_RECORD, OFFSET_OUT_OF_RANGE, WAL_UNREADABLE; as a rejection when it has to be read.
   */
  readForReplica(offset: number, bytesMax: number): ReplicaRead | Promise<ReplicaRead>;
  /** Followers may have acknowledged more. */
  moveMark(): void;
}

/** A partition that follows a leader elsewhere. */
export interface FollowedLog {
  readonly id: number;
  readonly name: string;
  readonly logEnd: number;
  readonly durableEnd: number;
  /** As the metadata has it; the log may not reach it. */
  readonly isBehind: boolean;
  /** Records are missing that were here. */
  readonly isDamaged: boolean;
  /** What is not uploaded of it keeps the oldest part of the log from being used again, which is wanted. */
  readonly pinsLog: boolean;
  history(): LogHistory;
  /** Takes back everything from `offset` on. Rejects with QueueError when that cannot be. */
  truncateTo(offset: number, leaderEpoch: number): Promise<void>;
  /** Whether it may begin anew there: it is uploadedEnd, here as well. */
  mayBeginAt(offset: number): boolean;
  /** Forgets everything and begins anew. @throws {QueueError} CORRUPT_METADATA when the base cannot be read. */
  beginAt(offset: number, base: Uint8Array): void;
  /** One batch, checked, at the log's end. False: the log has no room. */
  appendReplica(bytes: Uint8Array, start: number, length: number, appendTimeMs: number): boolean;
  /** The leader's mark; may be above the log's end here. */
  learnMark(highWatermark: number): void;
  /** The leader's folds, to be compared with those here at the same offset. */
  learnFold(digest: FoldDigest): void;
}
