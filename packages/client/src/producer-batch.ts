import { Buffer } from "node:buffer";
import type { Compression } from "@tidemq/protocol/compression.ts";
import { decodeRecords, type RecordHeader } from "@tidemq/protocol/record.ts";
import * as header from "@tidemq/protocol/record-batch.ts";
import { RecordBatchBuilder, type RecordInput } from "@tidemq/protocol/record-batch-builder.ts";
import type { ClientError } from "./errors.ts";
import { DECOMPRESSED_BYTES_MAX } from "./limits.ts";

/** A record to send. Strings are sent as UTF-8. Without a partition the key decides, without a key chance. */
export type ProducerRecord = Readonly<{
  topic: string;
  partition?: number;
  key?: Uint8Array | string | null;
  value?: Uint8Array | string | null;
  headers?: readonly RecordHeader[];
  /** Milliseconds since 1970; now when absent. */
  timestampMs?: number;
}>;

/** Where a record is stored. `offset` −1: stored, but the broker did not say where (acks 0, or a repeated batch that it knew). */
export type Delivery = Readonly<{ topic: string; partition: number; offset: number; timestampMs: number }>;

/** The end of one batch. `baseOffset` −1 with an error, or as in `Delivery`. */
export type BatchReport = Readonly<{
  topic: string;
  partition: number;
  baseOffset: number;
  recordCount: number;
  /** On the wire, compressed. */
  bytes: number;
  /** From the first record's arrival in the producer. */
  latencyMs: number;
  error: ClientError | undefined;
}>;

/** Somebody who waits for one record of a batch. */
export type RecordWaiter = Readonly<{
  index: number;
  timestampMs: number;
  delivered: (delivery: Delivery) => void;
  failed: (error: ClientError) => void;
}>;

/** Producer id, epoch and first sequence number; what makes a repeated batch recognizable. */
export type Stamp = Readonly<{ producerId: number; producerEpoch: number; baseSequence: number }>;

/** Records of one partition that travel together. First open, then closed, then encoded at the first sending. */
export class ProducerBatch {
  /** Position among the batches of its partition: the order of sending. */
  order = 0;
  /** The next batch of the partition comes so much later: room for its own halves, and theirs. */
  orderSpan = 1;
  readonly createdAtMs: number;
  readonly deadlineMs: number;
  readonly waiters: RecordWaiter[] = [];
  readonly whenDone: (() => void)[] = [];
  recordCount = 0;
  /** Memory that it counts for in the producer's buffer. */
  heldBytes = 0;
  /** Times that it was sent. Above 0 it may be stored, whatever the outcome looked like. */
  attempts = 0;
  /** The latest failure, when it is about to be sent again. */
  lastError: ClientError | undefined;
  /** The broker found it too large: halve it before the next sending. */
  isTooLarge = false;
  /** Its end was told; whatever comes later changes nothing. */
  isDone = false;
  stamp: Stamp | undefined;
  #builder: RecordBatchBuilder | undefined;
  #encoded: Uint8Array | undefined;

  constructor(createdAtMs: number, deadlineMs: number) {
    this.createdAtMs = createdAtMs;
    this.deadlineMs = deadlineMs;
    this.#builder = new RecordBatchBuilder();
  }

  /** Bytes if it were sent now, before compression. */
  get bytes(): number {
    return this.#builder?.bytes ?? this.#encoded?.byteLength ?? 0;
  }

  /** Bytes on the wire; known once it is encoded. */
  get encodedBytes(): number {
    return this.#encoded?.byteLength ?? 0;
  }

  /** Bytes if this record came along. */
  bytesWith(record: RecordInput): number {
    return this.#builder?.bytesWith(record) ?? Number.POSITIVE_INFINITY;
  }

  append(record: RecordInput): void {
    const before = this.bytes;
    this.#builder?.append(record);
    this.heldBytes += this.bytes - before;
    this.recordCount += 1;
  }

  /** The bytes to send, made at the first call and stamped anew when the stamp has changed since. */
  encode(compression: Compression): Uint8Array {
    if (this.#builder !== undefined) {
      this.#encoded = this.#builder.build({ compression, ...this.stamp });
      this.#builder = undefined;
    }
    const encoded = this.#encoded as Uint8Array;
    if (this.stamp !== undefined && !carries(encoded, this.stamp)) stampBytes(encoded, this.stamp);
    return encoded;
  }

  /** Two batches of half the records each, in order, with the same deadline and waiters. Only of an encoded batch of at least two. */
  halves(): [ProducerBatch, ProducerBatch] {
    const records = decodeRecords(this.#encoded as Uint8Array, 0, DECOMPRESSED_BYTES_MAX);
    const middle = Math.ceil(records.length / 2);
    const first = new ProducerBatch(this.createdAtMs, this.deadlineMs);
    const second = new ProducerBatch(this.createdAtMs, this.deadlineMs);
    records.forEach((record, index) => (index < middle ? first : second).append(record));
    for (const waiter of this.waiters) {
      if (waiter.index < middle) first.waiters.push(waiter);
      else second.waiters.push({ ...waiter, index: waiter.index - middle });
    }
    second.whenDone.push(...this.whenDone);
    first.heldBytes = Math.min(first.heldBytes, this.heldBytes);
    second.heldBytes = this.heldBytes - first.heldBytes;
    return [first, second];
  }
}

function carries(bytes: Uint8Array, stamp: Stamp): boolean {
  return (
    header.producerId(bytes, 0) === stamp.producerId &&
    header.producerEpoch(bytes, 0) === stamp.producerEpoch &&
    header.baseSequence(bytes, 0) === stamp.baseSequence
  );
}

function stampBytes(bytes: Uint8Array, stamp: Stamp): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  buffer.writeBigInt64BE(BigInt(stamp.producerId), header.PRODUCER_ID_AT);
  buffer.writeInt16BE(stamp.producerEpoch, header.PRODUCER_EPOCH_AT);
  buffer.writeInt32BE(stamp.baseSequence, header.BASE_SEQUENCE_AT);
  header.updateBatchCrc(bytes, 0);
}
