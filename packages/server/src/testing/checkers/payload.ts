import { Buffer } from "node:buffer";

/** Smallest value: magic, producer, sequence, length. */
export const PAYLOAD_BYTES_MIN = 12;

const MAGIC = 0x5451;
const PATTERN_BYTES = 16;

/** Who sent a record, and which of that sender's it is; both below 2^21. */
export type RecordId = number;

const SEQUENCES = 2 ** 32;

export function recordId(producer: number, sequence: number): RecordId {
  return producer * SEQUENCES + sequence;
}

export function producerOf(id: RecordId): number {
  return Math.floor(id / SEQUENCES);
}

export function sequenceOf(id: RecordId): number {
  return id % SEQUENCES;
}

export function idText(id: RecordId): string {
  return `${producerOf(id)}/${sequenceOf(id)}`;
}

/** A value that says which record it is; every byte follows from the id, so that damage anywhere shows. */
export function payload(id: RecordId, bytes: number): Buffer {
  const value = Buffer.allocUnsafe(Math.max(PAYLOAD_BYTES_MIN, bytes));
  value.writeUInt16BE(MAGIC, 0);
  value.writeUInt16BE(producerOf(id), 2);
  value.writeUInt32BE(sequenceOf(id), 4);
  value.writeUInt32BE(value.byteLength, 8);
  if (value.byteLength > PAYLOAD_BYTES_MIN) value.fill(pattern(id), PAYLOAD_BYTES_MIN);
  return value;
}

/** The id in a value; undefined when any byte of it is not what was sent. */
export function idOfPayload(value: Uint8Array | null): RecordId | undefined {
  if (value === null || value.byteLength < PAYLOAD_BYTES_MIN) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.readUInt16BE(0) !== MAGIC || bytes.readUInt32BE(8) !== bytes.byteLength) return undefined;
  const id = recordId(bytes.readUInt16BE(2), bytes.readUInt32BE(4));
  return payload(id, bytes.byteLength).equals(bytes) ? id : undefined;
}

function pattern(id: RecordId): Buffer {
  const bytes = Buffer.allocUnsafe(PATTERN_BYTES);
  let state = (sequenceOf(id) ^ Math.imul(producerOf(id) + 1, 0x9e3779b9)) | 0;
  for (let at = 0; at < PATTERN_BYTES; at += 4) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x297a2d39;
    bytes.writeInt32BE(state | 0, at);
  }
  return bytes;
}
