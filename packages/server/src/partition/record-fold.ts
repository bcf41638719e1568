/**
 * What is remembered of the records of an internal partition, beside what its batch headers say: groups now, transactions later.
 * Deterministic: the same batches give the same fold on every replica. Has one owner; nothing of it is shared with a copy.
 */
export interface RecordFold {
  /**
   * The records of one batch: magic 2, not compressed, as stored. Nothing of the bytes is kept.
   * @throws QueueError CORRUPT_RECORD for an entry that it cannot read, naming the version when that is newer.
   */
  apply(batch: Uint8Array): void;
  /** All of it, as a base keeps it. `pause` gives the loop back; the fold does not change meanwhile. */
  encode(pause: () => Promise<void>): Promise<Uint8Array>;
}

/** Makes folds of one kind. */
export interface RecordFolds {
  empty(): RecordFold;
  /** @throws QueueError CORRUPT_RECORD when the bytes are not exactly one fold. */
  decode(bytes: Uint8Array, pause: () => Promise<void>): Promise<RecordFold>;
}
