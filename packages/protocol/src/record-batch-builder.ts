import { Buffer } from "node:buffer";
import { assert } from "./assert.ts";
import { ByteWriter, uvarintBytes } from "./byte-writer.ts";
import { type Compression, compressionCodec, compressionId } from "./compression.ts";
import type { ControlMarker, RecordHeader } from "./record.ts";
import * as batch from "./record-batch.ts";

/** A record to be written. `timestampMs`: since 1970. Absent key or value = null. */
export type RecordInput = Readonly<{
  timestampMs: number;
  key?: Uint8Array | null;
  value?: Uint8Array | null;
  headers?: readonly RecordHeader[];
}>;

/** What a batch says of itself. All but `compression` default to none. */
export type BatchOptions = Readonly<{
  compression?: Compression;
  baseOffset?: number;
  leaderEpoch?: number;
  producerId?: number;
  producerEpoch?: number;
  baseSequence?: number;
  transactional?: boolean;
  control?: boolean;
  /** When given, the batch bears it as log append time. */
  logAppendTimeMs?: number;
}>;

/** Bytes that records are gathered in before anybody asks how many there will be. */
const CAPACITY_BYTES = 4096;

/** Gathers records, then makes one batch of them. May be used again after `build`. */
export class RecordBatchBuilder {
  readonly #records: ByteWriter;
  #count = 0;
  #baseTimestamp = batch.NONE;
  #maxTimestamp = batch.NONE;

  /** @param capacityBytes About what the records will take. */
  constructor(capacityBytes = CAPACITY_BYTES) {
    this.#records = new ByteWriter(capacityBytes);
  }

  get recordCount(): number {
    return this.#count;
  }

  /** Size of the batch in bytes if it were built now without compression. */
  get bytes(): number {
    return batch.BATCH_HEADER_BYTES + this.#records.length;
  }

  /** Size in bytes of the batch if this record were added, an upper bound to within a few bytes. */
  bytesWith(record: RecordInput): number {
    const recordBytes = bodyBytes(record, record.timestampMs - this.#baseTimestamp, this.#count);
    return this.bytes + recordBytes + uvarintBytes(recordBytes * 2);
  }

  append(record: RecordInput): void {
    if (this.#count === 0) this.#baseTimestamp = record.timestampMs;
    const timestampDelta = record.timestampMs - this.#baseTimestamp;
    this.#maxTimestamp = this.#count === 0 ? record.timestampMs : Math.max(this.#maxTimestamp, record.timestampMs);
    writeRecord(this.#records, record, timestampDelta, this.#count);
    this.#count += 1;
  }

  /** The batch, in memory of its own; the builder is empty afterwards. */
  build(options: BatchOptions = {}): Uint8Array {
    assert(this.#count > 0, "a batch has at least one record");
    const codec = compressionId(options.compression ?? "none");
    const plain = this.#records.finish();
    const section = codec === 0 ? plain : compressionCodec(codec).compress(plain);
    const bytes = Buffer.allocUnsafeSlow(batch.BATCH_HEADER_BYTES + section.byteLength);
    Buffer.from(section.buffer, section.byteOffset, section.byteLength).copy(bytes, batch.BATCH_HEADER_BYTES);
    this.#writeHeader(bytes, codec, options);
    batch.updateBatchCrc(bytes, 0);
    this.#records.reset();
    this.#count = 0;
    return bytes;
  }

  #writeHeader(bytes: Buffer, codec: number, options: BatchOptions): void {
    let attributes = codec;
    if (options.logAppendTimeMs !== undefined) attributes |= batch.LOG_APPEND_TIME_BIT;
    if (options.transactional === true) attributes |= batch.TRANSACTIONAL_BIT;
    if (options.control === true) attributes |= batch.CONTROL_BIT;
    bytes.writeBigInt64BE(BigInt(options.baseOffset ?? 0), batch.BASE_OFFSET_AT);
    bytes.writeInt32BE(bytes.byteLength - batch.BATCH_OVERHEAD_BYTES, batch.BATCH_LENGTH_AT);
    bytes.writeInt32BE(options.leaderEpoch ?? batch.NONE, batch.LEADER_EPOCH_AT);
    bytes.writeInt8(batch.MAGIC, batch.MAGIC_AT);
    bytes.writeInt16BE(attributes, batch.ATTRIBUTES_AT);
    bytes.writeInt32BE(this.#count - 1, batch.LAST_OFFSET_DELTA_AT);
    bytes.writeBigInt64BE(BigInt(this.#baseTimestamp), batch.BASE_TIMESTAMP_AT);
    bytes.writeBigInt64BE(BigInt(options.logAppendTimeMs ?? this.#maxTimestamp), batch.MAX_TIMESTAMP_AT);
    bytes.writeBigInt64BE(BigInt(options.producerId ?? batch.NONE), batch.PRODUCER_ID_AT);
    bytes.writeInt16BE(options.producerEpoch ?? batch.NONE, batch.PRODUCER_EPOCH_AT);
    bytes.writeInt32BE(options.baseSequence ?? batch.NONE, batch.BASE_SEQUENCE_AT);
    bytes.writeInt32BE(this.#count, batch.RECORD_COUNT_AT);
  }
}

/** One batch of these records. */
export function buildBatch(records: readonly RecordInput[], options: BatchOptions = {}): Uint8Array {
  const builder = new RecordBatchBuilder();
  for (const record of records) builder.append(record);
  return builder.build(options);
}

/** The control batch that ends a transaction. */
export function buildControlBatch(
  marker: ControlMarker,
  options: Readonly<{ producerId: number; producerEpoch: number; timestampMs: number; baseOffset?: number; leaderEpoch?: number }>,
): Uint8Array {
  const key = Buffer.alloc(4);
  key.writeInt16BE(marker.type === "commit" ? 1 : 0, 2);
  const value = Buffer.alloc(6);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  return buildBatch([{ timestampMs: options.timestampMs, key, value }], { ...options, transactional: true, control: true });
}

function writeRecord(writer: ByteWriter, record: RecordInput, timestampDelta: number, offsetDelta: number): void {
  writer.varint(bodyBytes(record, timestampDelta, offsetDelta));
  writer.int8(0);
  writer.varlong(timestampDelta);
  writer.varint(offsetDelta);
  writeNullable(writer, record.key);
  writeNullable(writer, record.value);
  const headers = record.headers ?? [];
  writer.varint(headers.length);
  for (const header of headers) {
    writeNullable(writer, Buffer.from(header.key));
    writeNullable(writer, header.value);
  }
}

function writeNullable(writer: ByteWriter, bytes: Uint8Array | null | undefined): void {
  writer.varint(bytes === null || bytes === undefined ? -1 : bytes.byteLength);
  if (bytes !== null && bytes !== undefined) writer.raw(bytes);
}

/** Bytes of a record after its own length. */
function bodyBytes(record: RecordInput, timestampDelta: number, offsetDelta: number): number {
  const headers = record.headers ?? [];
  let sum = 1 + varlongBytes(timestampDelta) + varlongBytes(offsetDelta) + nullableBytes(record.key) + nullableBytes(record.value);
  sum += varlongBytes(headers.length);
  for (const header of headers) {
    const keyBytes = Buffer.byteLength(header.key);
    sum += varlongBytes(keyBytes) + keyBytes + nullableBytes(header.value);
  }
  return sum;
}

function nullableBytes(bytes: Uint8Array | null | undefined): number {
  return bytes === null || bytes === undefined ? 1 : varlongBytes(bytes.byteLength) + bytes.byteLength;
}

/** Bytes that a zigzag LEB128 number takes. */
function varlongBytes(value: number): number {
  let rest = value < 0 ? -value - 1 : value;
  let count = 1;
  for (rest = Math.floor(rest / 64); rest > 0; rest = Math.floor(rest / 128)) count += 1;
  return count;
}
