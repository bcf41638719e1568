import type { RecordSlices } from "../model/record-slices.ts";
import type { AbortedTransaction } from "../tier/section-index-codec.ts";
import type { UploadSource } from "../tier/upload-source.ts";
import { encodeHeaderFold } from "./header-fold-codec.ts";
import type { Partition } from "./partition.ts";

/** What the tier sees of a partition that is led here. */
export class PartitionUploadSource implements UploadSource {
  readonly #partition: Partition;

  /** Of the oldest batch that waited for upload when the process started. */
  readonly #oldestAtStartMs: number | undefined;

  constructor(partition: Partition, oldestAtStartMs: number | undefined) {
    this.#partition = partition;
    this.#oldestAtStartMs = oldestAtStartMs;
  }

  get partitionId(): number {
    return this.#partition.identity.id;
  }

  get leaderEpoch(): number {
    return this.#partition.leaderEpoch;
  }

  get uploadedEnd(): number {
    return this.#partition.uploadedEnd;
  }

  /** What is lost here and not elsewhere is not committed as lost: nor is anything behind it. */
  get highWatermark(): number {
    const { highWatermark, wal, isElsewhere } = this.#partition;
    return isElsewhere ? Math.min(highWatermark, wal.holes[0]?.from ?? highWatermark) : highWatermark;
  }

  /** Nothing is transactional yet. */
  lastStableAt(endOffset: number): number {
    return endOffset;
  }

  pendingBytes(): number {
    return this.#partition.wal.bytesBetween(this.uploadedEnd, this.highWatermark);
  }

  oldestAppendTimeMs(): number | undefined {
    return this.#oldestAtStartMs;
  }

  holes() {
    return this.#partition.isElsewhere ? [] : this.#partition.wal.holes;
  }

  readForUpload(offset: number, endOffset: number, bytesMax: number): RecordSlices | Promise<RecordSlices> {
    return this.#partition.wal.readForUpload(offset, endOffset, bytesMax);
  }

  async baseAt(endOffset: number): Promise<Uint8Array> {
    return encodeHeaderFold(await this.#partition.foldAt(endOffset));
  }

  abortedBetween(): readonly AbortedTransaction[] {
    return [];
  }

  /** The partition moves when the command is applied, not when its answer arrives. */
  uploadedTo(): void {}
}
