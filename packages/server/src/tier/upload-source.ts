import type { RecordSlices } from "../model/record-slices.ts";
import type { AbortedTransaction, OffsetSpan } from "./section-index-codec.ts";

/** What this folder needs of a partition that this broker leads. Offsets, ends exclusive; numbers are read anew each time. */
export interface UploadSource {
  readonly partitionId: number;
  readonly leaderEpoch: number;
  readonly uploadedEnd: number;
  readonly highWatermark: number;
  /** Last stable offset at or below that end. */
  lastStableAt(endOffset: number): number;
  /** Approximate bytes stored in [uploadedEnd, highWatermark). Asked for every source when something may be due, so cheap. */
  pendingBytes(): number;
  /** Append time of the oldest batch not uploaded, ms since 1970; undefined when it is not known. */
  oldestAppendTimeMs(): number | undefined;
  /** Damage that nobody has accepted, ascending. */
  holes(): readonly OffsetSpan[];
  /**
   * Whole batches from `offset` on, all below `endOffset`, at least one if there is any, else not above `bytesMax`.
   * Rejects with CORRUPT_RECORD for damage; no pieces = no record below `endOffset`.
   */
  readForUpload(offset: number, endOffset: number, bytesMax: number): RecordSlices | Promise<RecordSlices>;
  /** The fold of everything below `endOffset`, encoded. */
  baseAt(endOffset: number): Uint8Array | Promise<Uint8Array>;
  /** Transactions aborted in [from, to), by the marker's offset. */
  abortedBetween(from: number, to: number): readonly AbortedTransaction[];
  /** The range that ends there is committed. The source's `uploadedEnd` has it once the state is applied. */
  uploadedTo(endOffset: number): void;
}
