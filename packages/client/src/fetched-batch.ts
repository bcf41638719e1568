import { type DecodedRecord, decodeRecords } from "@tidemq/protocol/record.ts";
import * as header from "@tidemq/protocol/record-batch.ts";
import { DECOMPRESSED_BYTES_MAX } from "./limits.ts";

/** One record batch as it came from the broker. */
export class FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  /** Exactly this batch; a view of the answer that brought it. */
  readonly bytes: Uint8Array;
  /** The first offset that was asked for: earlier records of the batch are not wanted. */
  readonly fromOffset: number;
  /** As of this answer. */
  readonly highWatermark: number;

  constructor(topic: string, partition: number, bytes: Uint8Array, fromOffset: number, highWatermark: number) {
    this.topic = topic;
    this.partition = partition;
    this.bytes = bytes;
    this.fromOffset = fromOffset;
    this.highWatermark = highWatermark;
  }

  get baseOffset(): number {
    return header.baseOffset(this.bytes, 0);
  }

  /** The next offset after it. */
  get endOffset(): number {
    return header.endOffset(this.bytes, 0);
  }

  /** Records in it, unwanted ones included. */
  get recordCount(): number {
    return header.recordCount(this.bytes, 0);
  }

  get leaderEpoch(): number {
    return header.leaderEpoch(this.bytes, 0);
  }

  get isControl(): boolean {
    return header.isControl(this.bytes, 0);
  }

  /**
   * The wanted records, decompressed; keys and values are views.
   *
   * @throws {ProtocolError} When the batch is damaged though its checksum fits.
   */
  records(): DecodedRecord[] {
    const records = decodeRecords(this.bytes, 0, DECOMPRESSED_BYTES_MAX);
    return this.baseOffset >= this.fromOffset ? records : records.filter((record) => record.offset >= this.fromOffset);
  }
}
