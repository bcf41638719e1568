import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../../base/assert.ts";
import { BATCH_BYTES_MAX } from "../limits.ts";

// docs/formats/metadata-log.md, "meta/log".

export const FILE_HEADER_BYTES = 128;
export const RECORD_HEADER_BYTES = 64;
export const FILE_VERSION = 1;

const FILE_MAGIC = Buffer.from("TMQMLOG1", "latin1");
const RECORD_MAGIC = 0x544d4c52;
const CLUSTER_ID_AT = 28;
const FILE_CRC_AT = 124;
const RECORD_CRC_AT = 40;
const NO_NONCE = "0000000000000000";

export type LogFileHeader = Readonly<{
  version: number;
  firstIndex: number;
  /** 16 hexadecimal characters. */
  incarnation: string;
  clusterId: string;
}>;

export type RecordKind = "batch" | "mark";

export type RecordHeader = Readonly<{
  kind: RecordKind;
  index: number;
  durableIndex: number;
  nonce: string;
  payloadBytes: number;
  payloadCrc: number;
}>;

export function encodeFileHeader(header: LogFileHeader): Uint8Array {
  const bytes = Buffer.alloc(FILE_HEADER_BYTES);
  FILE_MAGIC.copy(bytes, 0);
  bytes.writeUInt32BE(header.version, 8);
  bytes.writeBigUInt64BE(BigInt(header.firstIndex), 12);
  bytes.write(header.incarnation, 20, 8, "hex");
  bytes.writeUInt8(header.clusterId.length, CLUSTER_ID_AT);
  bytes.write(header.clusterId, CLUSTER_ID_AT + 1, "latin1");
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, FILE_CRC_AT)), FILE_CRC_AT);
  return bytes;
}

/** Undefined when it is none. */
export function decodeFileHeader(from: Uint8Array): LogFileHeader | undefined {
  if (from.byteLength < FILE_HEADER_BYTES) return undefined;
  const bytes = asBuffer(from);
  if (bytes.compare(FILE_MAGIC, 0, 8, 0, 8) !== 0) return undefined;
  if (bytes.readUInt32BE(FILE_CRC_AT) !== crc32c(bytes.subarray(0, FILE_CRC_AT))) return undefined;
  const idLength = bytes.readUInt8(CLUSTER_ID_AT);
  return {
    version: bytes.readUInt32BE(8),
    firstIndex: Number(bytes.readBigUInt64BE(12)),
    incarnation: bytes.toString("hex", 20, 28),
    clusterId: bytes.toString("latin1", CLUSTER_ID_AT + 1, CLUSTER_ID_AT + 1 + idLength),
  };
}

/** Bytes from one record's start to the next one's. */
export function recordBytes(payloadBytes: number): number {
  return RECORD_HEADER_BYTES + Math.ceil(payloadBytes / RECORD_HEADER_BYTES) * RECORD_HEADER_BYTES;
}

/** A whole record, padded. */
export function encodeBatchRecord(
  incarnation: string,
  batch: Readonly<{ index: number; durableIndex: number; nonce: string; payload: Uint8Array }>,
): Uint8Array {
  const { payload } = batch;
  assert(payload.byteLength <= BATCH_BYTES_MAX, `a batch of ${payload.byteLength} bytes is too large`);
  const bytes = Buffer.alloc(recordBytes(payload.byteLength));
  asBuffer(payload).copy(bytes, RECORD_HEADER_BYTES);
  writeHeader(bytes, incarnation, { ...batch, kind: "batch", payloadBytes: payload.byteLength, payloadCrc: crc32c(payload) });
  return bytes;
}

export function encodeMark(incarnation: string, durableIndex: number): Uint8Array {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES);
  writeHeader(bytes, incarnation, { kind: "mark", index: durableIndex, durableIndex, nonce: NO_NONCE, payloadBytes: 0, payloadCrc: 0 });
  return bytes;
}

/** The header at a position, when there is a valid one of this file. */
export function decodeRecordHeader(from: Uint8Array, at: number, incarnation: string): RecordHeader | undefined {
  const bytes = asBuffer(from);
  if (bytes.byteLength - at < RECORD_HEADER_BYTES || bytes.readUInt32BE(at) !== RECORD_MAGIC) return undefined;
  if (bytes.readUInt32BE(at + RECORD_CRC_AT) !== headerCrc(bytes, at, incarnation)) return undefined;
  const kind = bytes.readUInt8(at + 4);
  const payloadBytes = bytes.readUInt32BE(at + 32);
  if ((kind !== 1 && kind !== 2) || payloadBytes > BATCH_BYTES_MAX) return undefined;
  return {
    kind: kind === 1 ? "batch" : "mark",
    index: Number(bytes.readBigUInt64BE(at + 8)),
    durableIndex: Number(bytes.readBigUInt64BE(at + 16)),
    nonce: bytes.toString("hex", at + 24, at + 32),
    payloadBytes,
    payloadCrc: bytes.readUInt32BE(at + 36),
  };
}

function writeHeader(bytes: Buffer, incarnation: string, header: RecordHeader): void {
  bytes.writeUInt32BE(RECORD_MAGIC, 0);
  bytes.writeUInt8(header.kind === "batch" ? 1 : 2, 4);
  bytes.writeBigUInt64BE(BigInt(header.index), 8);
  bytes.writeBigUInt64BE(BigInt(header.durableIndex), 16);
  bytes.write(header.nonce, 24, 8, "hex");
  bytes.writeUInt32BE(header.payloadBytes, 32);
  bytes.writeUInt32BE(header.payloadCrc, 36);
  bytes.writeUInt32BE(headerCrc(bytes, 0, incarnation), RECORD_CRC_AT);
}

function headerCrc(bytes: Buffer, at: number, incarnation: string): number {
  return crc32c(bytes.subarray(at, at + RECORD_CRC_AT), crc32c(Buffer.from(incarnation, "hex")));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
