import { crc32c } from "./crc32c.ts";
import { ErrorCode } from "./error-codes.ts";

/*
 * A record batch of format 2, big-endian. The checksum covers everything from the attributes to the end, so base offset
 * and leader epoch can be written without computing it anew.
 *
 *   0  base offset            int64      27  base timestamp  int64, ms since 1970
 *   8  length of what follows int32      35  max timestamp   int64, ms since 1970
 *  12  leader epoch           int32      43  producer id     int64, −1: none
 *  16  format ("magic")       int8       51  producer epoch  int16
 *  17  CRC-32C from 21 on     uint32     53  base sequence   int32
 *  21  attributes             int16      57  record count    int32
 *  23  last offset delta      int32      61  records, perhaps compressed
 *
 * Attributes: bits 0–2 codec · 3 log append time · 4 transactional · 5 control batch · 6 delete horizon in base timestamp.
 */
export const BASE_OFFSET_AT = 0;
export const BATCH_LENGTH_AT = 8;
export const LEADER_EPOCH_AT = 12;
export const MAGIC_AT = 16;
export const CRC_AT = 17;
export const ATTRIBUTES_AT = 21;
export const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const PRODUCER_EPOCH_AT = 51;
export const BASE_SEQUENCE_AT = 53;
export const RECORD_COUNT_AT = 57;
/** Bytes of a batch before its first record. */
export const BATCH_HEADER_BYTES = 61;
/** Base offset and length: what the length itself does not count. */
export const BATCH_OVERHEAD_BYTES = 12;
/** The only format: everything older was dropped by Kafka 4.0. */
export const MAGIC = 2;

export const CODEC_MASK = 0x07;
export const LOG_APPEND_TIME_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;
export const DELETE_HORIZON_BIT = 0x40;

/** Highest codec number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
const CODEC_MAX = 4;

/** No timestamp, no producer id, no sequence. */
export const NONE = -1;

/*
 * Accessors: a batch begins at `position` of `bytes`. They allocate nothing and check nothing: the caller has made sure
 * that the header (61 bytes) is there. 64-bit values beyond 2^53 come out rounded; `checkProducedBatch` refuses them.
 */

export function baseOffset(bytes: Uint8Array, position: number): number {
  return readInt64(bytes, position + BASE_OFFSET_AT);
}
/** Size of the whole batch in bytes, as it claims: 12 + its length field. */
export function batchBytes(bytes: Uint8Array, position: number): number {
  return BATCH_OVERHEAD_BYTES + readInt32(bytes, position + BATCH_LENGTH_AT);
}
export function leaderEpoch(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position + LEADER_EPOCH_AT);
}
export function magic(bytes: Uint8Array, position: number): number {
  return ((bytes[position + MAGIC_AT] as number) << 24) >> 24;
}
/** The checksum that the batch carries, unsigned. */
export function batchCrc(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position + CRC_AT) >>> 0;
}
export function attributes(bytes: Uint8Array, position: number): number {
  return readInt16(bytes, position + ATTRIBUTES_AT);
}
export function codecId(bytes: Uint8Array, position: number): number {
  return (bytes[position + ATTRIBUTES_AT + 1] as number) & CODEC_MASK;
}
export function usesLogAppendTime(bytes: Uint8Array, position: number): boolean {
  return ((bytes[position + ATTRIBUTES_AT + 1] as number) & LOG_APPEND_TIME_BIT) !== 0;
}
export function isTransactional(bytes: Uint8Array, position: number): boolean {
  return ((bytes[position + ATTRIBUTES_AT + 1] as number) & TRANSACTIONAL_BIT) !== 0;
}
export function isControl(bytes: Uint8Array, position: number): boolean {
  return ((bytes[position + ATTRIBUTES_AT + 1] as number) & CONTROL_BIT) !== 0;
}
export function lastOffsetDelta(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position + LAST_OFFSET_DELTA_AT);
}
/** The next offset after this batch, exclusive. */
export function endOffset(bytes: Uint8Array, position: number): number {
  return baseOffset(bytes, position) + lastOffsetDelta(bytes, position) + 1;
}
/** Milliseconds since 1970; the records' timestamps count from it. */
export function baseTimestamp(bytes: Uint8Array, position: number): number {
  return readInt64(bytes, position + BASE_TIMESTAMP_AT);
}
/** Milliseconds since 1970; with log append time, the time of every record. */
export function maxTimestamp(bytes: Uint8Array, position: number): number {
  return readInt64(bytes, position + MAX_TIMESTAMP_AT);
}
export function producerId(bytes: Uint8Array, position: number): number {
  return readInt64(bytes, position + PRODUCER_ID_AT);
}
export function producerEpoch(bytes: Uint8Array, position: number): number {
  return readInt16(bytes, position + PRODUCER_EPOCH_AT);
}
export function baseSequence(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position + BASE_SEQUENCE_AT);
}
export function recordCount(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position + RECORD_COUNT_AT);
}

/** Outside the checksum: needs no `updateBatchCrc`. */
export function setBaseOffset(bytes: Uint8Array, position: number, offset: number): void {
  writeInt64(bytes, position + BASE_OFFSET_AT, offset);
}
/** Outside the checksum: needs no `updateBatchCrc`. */
export function setLeaderEpoch(bytes: Uint8Array, position: number, epoch: number): void {
  writeInt32(bytes, position + LEADER_EPOCH_AT, epoch);
}
/** Makes all records of the batch appear to be of this time (ms since 1970), and corrects the checksum. */
export function setLogAppendTime(bytes: Uint8Array, position: number, timestampMs: number): void {
  (bytes[position + ATTRIBUTES_AT + 1] as number) |= LOG_APPEND_TIME_BIT;
  writeInt64(bytes, position + MAX_TIMESTAMP_AT, timestampMs);
  updateBatchCrc(bytes, position);
}

/** Takes back a log append time that a producer claimed, and corrects the checksum: only the broker may give one. */
export function clearLogAppendTime(bytes: Uint8Array, position: number): void {
  (bytes[position + ATTRIBUTES_AT + 1] as number) &= ~LOG_APPEND_TIME_BIT;
  updateBatchCrc(bytes, position);
}

/** Checksum of the batch as it is, unsigned. One pass over all of it. */
export function computeBatchCrc(bytes: Uint8Array, position: number): number {
  return crc32c(bytes.subarray(position + ATTRIBUTES_AT, position + batchBytes(bytes, position)));
}

/** Writes the checksum that fits the bytes. */
export function updateBatchCrc(bytes: Uint8Array, position: number): void {
  writeInt32(bytes, position + CRC_AT, computeBatchCrc(bytes, position) | 0);
}

/**
 * Size of the batch at `position` when all of it lies before `end`, else 0: for walking through bytes whose last batch may be cut off.
 * A length that no batch can have also gives 0, so a walk always ends.
 */
export function wholeBatchBytes(bytes: Uint8Array, position: number, end: number): number {
  if (end - position < BATCH_HEADER_BYTES) return 0;
  const size = batchBytes(bytes, position);
  return size < BATCH_HEADER_BYTES || size > end - position ? 0 : size;
}

/**
 * Checks the batch that a producer sent for one partition: all but its checksum and the records themselves. No allocation.
 * It must fill `position` to `end` alone. A batch read from a log may legally break these rules (base offset, compaction, control batches).
 *
 * @returns Kafka's error code, the one that Kafka gives; 0 = fine. CORRUPT_MESSAGE: lengths or a format that cannot be. INVALID_RECORD: none or
 *   several batches, an old format, counts that contradict each other, a base offset, a control batch. UNKNOWN_SERVER_ERROR: no such codec.
 *   Stricter than Kafka with INVALID_TIMESTAMP (negative, or beyond 2^53) and INVALID_PRODUCER_EPOCH.
 */
export function checkProducedBatch(bytes: Uint8Array, position: number, end: number): number {
  if (end - position <= MAGIC_AT) return ErrorCode.INVALID_RECORD;
  const format = magic(bytes, position);
  const size = batchBytes(bytes, position);
  if (format < 0 || format > MAGIC || size < BATCH_HEADER_BYTES) return ErrorCode.CORRUPT_MESSAGE;
  if (format !== MAGIC || size !== end - position) return ErrorCode.INVALID_RECORD;
  if (codecId(bytes, position) > CODEC_MAX) return ErrorCode.UNKNOWN_SERVER_ERROR;
  const count = recordCount(bytes, position);
  if (count < 1 || lastOffsetDelta(bytes, position) !== count - 1) return ErrorCode.INVALID_RECORD;
  if (baseOffset(bytes, position) !== 0 || isControl(bytes, position)) return ErrorCode.INVALID_RECORD;
  if (!isTime(baseTimestamp(bytes, position)) || !isTime(maxTimestamp(bytes, position))) return ErrorCode.INVALID_TIMESTAMP;
  return checkProducer(bytes, position);
}

/** A batch has either no producer at all, or id, epoch and sequence; a transactional one always has. */
function checkProducer(bytes: Uint8Array, position: number): number {
  const id = producerId(bytes, position);
  if (!Number.isSafeInteger(id) || id < NONE) return ErrorCode.INVALID_RECORD;
  if (id === NONE) return isTransactional(bytes, position) ? ErrorCode.INVALID_RECORD : ErrorCode.NONE;
  if (producerEpoch(bytes, position) < 0) return ErrorCode.INVALID_PRODUCER_EPOCH;
  if (baseSequence(bytes, position) < 0) return ErrorCode.INVALID_RECORD;
  return ErrorCode.NONE;
}

function isTime(timestampMs: number): boolean {
  return timestampMs >= NONE && Number.isSafeInteger(timestampMs);
}

/** Whether the batch's checksum fits its bytes. The header must have been checked. */
export function isBatchCrcRight(bytes: Uint8Array, position: number): boolean {
  return computeBatchCrc(bytes, position) === batchCrc(bytes, position);
}

function readInt16(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number);
}

function readInt32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}

function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * 0x1_0000_0000 + (readInt32(bytes, at + 4) >>> 0);
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeInt32(bytes, at + 4, value >>> 0);
}
