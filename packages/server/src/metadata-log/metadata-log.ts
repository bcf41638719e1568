/** A snapshot cannot be read back at the moment, so it was not put in its place. */
export class SnapshotUnreadError extends Error {
  override readonly name = "SnapshotUnreadError";
}

/**
 * A log of batches with one primitive: append at exactly this index, or learn that it is taken. An index is the number
 * of a batch, the first is 1. What a batch means is not known here.
 */
export interface MetadataLog {
  /**
   * `appended`: durable at `index`. `conflict`: not appended, another batch is there (or it was trimmed). `unknown`: may
   * have been appended or still be; only a second append of the same batch at the same index tells (conflict → read →
   * own nonce or not). `full`: not appended, and will not be: there is no room; another may go well later. One append outstanding
   * per writer. Rejects only when the log is broken for good.
   */
  append(index: number, batch: LogBatch): Promise<AppendResult>;

  /** Batches from `index` on, as many as fit one answer. Linearizable: an append that was answered before is seen. */
  readFrom(index: number): Promise<ReadResult>;

  /** Runs `wake` once when a batch at `index` may exist, never within the call; the result cancels. */
  watch(index: number, wake: () => void): () => void;

  /**
   * Stores the state as of `index`, verified by reading back; older snapshots go afterwards. The bytes are opaque and
   * may come slowly. One at a time.
   * @throws {QueueError} DISK_FULL: there is no room, nothing has changed.
   * @throws {SnapshotUnreadError} Nothing has changed either. Any other error: the log is broken for good.
   */
  putSnapshot(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void>;

  /** The newest one, with its bytes in pieces of the log's choice; their content is checked by whoever decodes it. */
  latestSnapshot(): Promise<StoredSnapshot | undefined>;

  /**
   * The batches below `index`, all of which a stored snapshot covers, are not needed any more: a log may forget them, or go on answering
   * them. Without room for that it keeps them.
   */
  trimBelow(index: number): Promise<void>;

  /** Ends what is under way; nothing may be called afterwards. */
  close(): Promise<void>;
}

/** The log as who only reads it sees it. */
export type MetadataReader = Pick<MetadataLog, "readFrom" | "latestSnapshot">;

export type LogBatch = Readonly<{
  /** Of the writer, chosen at random at its start: 16 lower-case hexadecimal characters. */
  nonce: string;
  payload: Uint8Array;
}>;

export type LogEntry = Readonly<{ index: number; nonce: string; payload: Uint8Array }>;

/** `endIndex`: the index that the next batch gets. */
export type AppendResult =
  | Readonly<{ kind: "appended" }>
  | Readonly<{ kind: "conflict"; endIndex: number }>
  | Readonly<{ kind: "unknown" }>
  | Readonly<{ kind: "full"; reason: string }>;

export type ReadResult =
  | Readonly<{ kind: "entries"; entries: readonly LogEntry[] }>
  | Readonly<{ kind: "end"; endIndex: number }>
  /** Go on from the snapshot, which holds everything up to and including its index. */
  | Readonly<{ kind: "trimmed"; snapshotIndex: number }>;

export type StoredSnapshot = Readonly<{ index: number; bytes: number; pieces: AsyncIterable<Uint8Array> }>;
