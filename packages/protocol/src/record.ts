import { Buffer } from "node:buffer";
import { ByteReader } from "./byte-reader.ts";
import { compressionCodec } from "./compression.ts";
import { ErrorCode } from "./error-codes.ts";
import { RECORD_HEADERS_MAX } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";
import * as batch from "./record-batch.ts";

/*
 * One record inside a batch, all lengths zigzag varints:
 *
 *   length · attributes int8 (0) · timestamp delta · offset delta · key length, −1 null · key · value length, −1 null · value
 *   · header count · { key length · key · value length, −1 null · value }
 */

export type RecordHeader = Readonly<{ key: string; value: Uint8Array | null }>;

/** A record as an application sees it. `timestampMs`: since 1970, −1 none. Key and value are views of the batch when that is not compressed. */
export type DecodedRecord = Readonly<{
  offset: number;
  timestampMs: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: readonly RecordHeader[];
}>;

/**
 * Walks over the records of one batch; after `next()` its fields describe the current record.
 * One cursor serves any number of batches, and no object is made per record unless its key, value or headers are asked for.
 */
export class RecordCursor {
  readonly #reader = new ByteReader(new Uint8Array(0));
  #bytes: Uint8Array = new Uint8Array(0);
  #left = 0;
  #index = 0;
  timestampDelta = 0;
  offsetDelta = 0;
  /** Position in `section`; meaningless when `keyBytes` is −1. */
  keyAt = 0;
  /** −1: null. */
  keyBytes = -1;
  valueAt = 0;
  /** −1: null. */
  valueBytes = -1;
  headerCount = 0;
  #headersAt = 0;
  #end = 0;

  /**
   * @param section The records of a batch, decompressed (`recordSection`).
   * @param count How many the batch's header claims.
   */
  reset(section: Uint8Array, count: number): void {
    this.#bytes = section;
    this.#reader.reset(section);
    this.#left = count;
    this.#index = 0;
  }

  /** The bytes that positions refer to. */
  get section(): Uint8Array {
    return this.#bytes;
  }

  /**
   * @returns false after the last record.
   * @throws {ProtocolError} MALFORMED when a record breaks the format, or bytes are left over after the last one.
   */
  next(): boolean {
    const reader = this.#reader;
    if (this.#left === 0) {
      if (reader.remaining > 0) throw reader.malformed("bytes after the last record");
      return false;
    }
    const length = reader.varint();
    if (length < 0 || length > reader.remaining) throw reader.malformed(`record of ${length} bytes`);
    this.#end = reader.position + length;
    const outer = reader.enter(length);
    reader.int8();
    this.timestampDelta = reader.varlong();
    this.offsetDelta = reader.varint();
    if (this.offsetDelta < 0 || this.offsetDelta < this.#index) throw reader.malformed(`offset delta ${this.offsetDelta}`);
    this.#index = this.offsetDelta + 1;
    this.#readField("key");
    this.#readField("value");
    this.#skipHeaders();
    reader.leave(outer);
    this.#left -= 1;
    return true;
  }

  /** A view; null when the record has no key. */
  key(): Uint8Array | null {
    return this.keyBytes < 0 ? null : this.#bytes.subarray(this.keyAt, this.keyAt + this.keyBytes);
  }

  /** A view; null for a tombstone. */
  value(): Uint8Array | null {
    return this.valueBytes < 0 ? null : this.#bytes.subarray(this.valueAt, this.valueAt + this.valueBytes);
  }

  headers(): RecordHeader[] {
    const headers: RecordHeader[] = [];
    if (this.headerCount === 0) return headers;
    const reader = new ByteReader(this.#bytes, this.#headersAt, this.#end);
    for (let i = 0; i < this.headerCount; i += 1) {
      const key = reader.utf8(reader.varint());
      const valueBytes = reader.varint();
      headers.push({ key, value: valueBytes < 0 ? null : reader.bytes(valueBytes) });
    }
    return headers;
  }

  #readField(field: "key" | "value"): void {
    const length = this.#reader.varint();
    const at = this.#reader.position;
    if (length < -1) throw this.#reader.malformed(`${field} of ${length} bytes`);
    if (length > 0) this.#reader.skip(length);
    if (field === "key") {
      this.keyAt = at;
      this.keyBytes = length;
    } else {
      this.valueAt = at;
      this.valueBytes = length;
    }
  }

  #skipHeaders(): void {
    const reader = this.#reader;
    this.headerCount = reader.varint();
    this.#headersAt = reader.position;
    if (this.headerCount < 0 || this.headerCount > RECORD_HEADERS_MAX) throw reader.malformed(`${this.headerCount} headers`);
    for (let i = 0; i < this.headerCount; i += 1) {
      reader.skip(reader.varint());
      const valueBytes = reader.varint();
      if (valueBytes < -1) throw reader.malformed(`header of ${valueBytes} bytes`);
      if (valueBytes > 0) reader.skip(valueBytes);
    }
  }
}

/**
 * The records of the batch at `position`, decompressed; a view when they are not compressed. The header must have been checked.
 *
 * @throws {ProtocolError} CORRUPT, TOO_LARGE beyond `bytesMax` after decompression, UNSUPPORTED_COMPRESSION.
 */
export function recordSection(bytes: Uint8Array, position: number, bytesMax: number): Uint8Array {
  const section = bytes.subarray(position + batch.BATCH_HEADER_BYTES, position + batch.batchBytes(bytes, position));
  const codec = batch.codecId(bytes, position);
  return codec === 0 ? section : compressionCodec(codec).decompress(section, bytesMax);
}

/**
 * Checks every record of a batch whose header is fine: structure, offset deltas 0, 1, 2 …, and nothing left over. Decompresses when needed.
 *
 * @returns Kafka's error code, the one that Kafka gives; 0 = fine. UNKNOWN_SERVER_ERROR: cannot be decompressed, or would exceed `bytesMax`.
 *   INVALID_RECORD: anything else.
 */
export function checkRecords(bytes: Uint8Array, position: number, bytesMax: number, cursor: RecordCursor): number {
  try {
    const count = batch.recordCount(bytes, position);
    cursor.reset(recordSection(bytes, position, bytesMax), count);
    for (let i = 0; cursor.next(); i += 1) if (cursor.offsetDelta !== i) return ErrorCode.INVALID_RECORD;
    return ErrorCode.NONE;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.code === "MALFORMED" ? ErrorCode.INVALID_RECORD : ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}

/**
 * All records of the batch at `position`, whose header must have been checked.
 *
 * @throws {ProtocolError} As `recordSection`, and MALFORMED.
 */
export function decodeRecords(bytes: Uint8Array, position: number, bytesMax: number): DecodedRecord[] {
  const cursor = new RecordCursor();
  cursor.reset(recordSection(bytes, position, bytesMax), batch.recordCount(bytes, position));
  const base = batch.baseOffset(bytes, position);
  const appendTimeMs = batch.usesLogAppendTime(bytes, position) ? batch.maxTimestamp(bytes, position) : undefined;
  const baseTimeMs = batch.baseTimestamp(bytes, position);
  const records: DecodedRecord[] = [];
  while (cursor.next()) {
    records.push({
      offset: base + cursor.offsetDelta,
      timestampMs: appendTimeMs ?? baseTimeMs + cursor.timestampDelta,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
    });
  }
  return records;
}

/** What a control batch says: its first record's key is version int16, type int16. */
export type ControlMarker = Readonly<{ type: "abort" | "commit"; coordinatorEpoch: number }>;

/**
 * The end-of-transaction marker in a control batch; undefined for control records of other kinds.
 *
 * @throws {ProtocolError} MALFORMED
 */
export function decodeControlMarker(bytes: Uint8Array, position: number, bytesMax: number): ControlMarker | undefined {
  const cursor = new RecordCursor();
  cursor.reset(recordSection(bytes, position, bytesMax), batch.recordCount(bytes, position));
  if (!cursor.next()) return undefined;
  const key = new ByteReader(cursor.key() ?? Buffer.alloc(0));
  key.int16();
  const type = key.int16();
  if (type !== 0 && type !== 1) return undefined;
  const value = new ByteReader(cursor.value() ?? Buffer.alloc(0));
  value.int16();
  return { type: type === 1 ? "commit" : "abort", coordinatorEpoch: value.int32() };
}
