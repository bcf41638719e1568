import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../base/assert.ts";
import { isClusterId } from "../model/object-id.ts";

// docs/formats/snapshot.md, "A snapshot file".

export const SNAPSHOT_FILE_HEADER_BYTES = 144;
export const SNAPSHOT_FILE_VERSION = 1;

const MAGIC = Buffer.from("TMQMFIL1", "latin1");
const CLUSTER_ID_AT = 20;
const HASH_AT = 88;
const HASH_BYTES = 32;
const BYTES_AT = 120;
const MADE_AT = 128;
const CRC_AT = 136;
const HEADER_CRC_AT = 140;

/** What a snapshot file says of itself. */
export type SnapshotFileHeader = Readonly<{
  version: number;
  index: number;
  clusterId: string;
  /** 64 hexadecimal characters. */
  stateHash: string;
  bytes: number;
  madeMs: number;
  crc: number;
}>;

export function encodeSnapshotFileHeader(header: Omit<SnapshotFileHeader, "version">): Uint8Array {
  assert(isClusterId(header.clusterId), `not a cluster id: ${header.clusterId}`);
  const bytes = Buffer.alloc(SNAPSHOT_FILE_HEADER_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32BE(SNAPSHOT_FILE_VERSION, 8);
  bytes.writeBigUInt64BE(BigInt(header.index), 12);
  bytes.writeUInt8(header.clusterId.length, CLUSTER_ID_AT);
  bytes.write(header.clusterId, CLUSTER_ID_AT + 1, "latin1");
  bytes.write(header.stateHash, HASH_AT, HASH_BYTES, "hex");
  bytes.writeBigUInt64BE(BigInt(header.bytes), BYTES_AT);
  bytes.writeBigUInt64BE(BigInt(header.madeMs), MADE_AT);
  bytes.writeUInt32BE(header.crc, CRC_AT);
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
  return bytes;
}

/** Undefined when it is none, or damaged. */
export function decodeSnapshotFileHeader(from: Uint8Array): SnapshotFileHeader | undefined {
  const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  if (bytes.byteLength < SNAPSHOT_FILE_HEADER_BYTES || bytes.compare(MAGIC, 0, 8, 0, 8) !== 0) return undefined;
  if (bytes.readUInt32BE(HEADER_CRC_AT) !== crc32c(bytes.subarray(0, HEADER_CRC_AT))) return undefined;
  return {
    version: bytes.readUInt32BE(8),
    index: Number(bytes.readBigUInt64BE(12)),
    clusterId: bytes.toString("latin1", CLUSTER_ID_AT + 1, CLUSTER_ID_AT + 1 + bytes.readUInt8(CLUSTER_ID_AT)),
    stateHash: bytes.toString("hex", HASH_AT, HASH_AT + HASH_BYTES),
    bytes: Number(bytes.readBigUInt64BE(BYTES_AT)),
    madeMs: Number(bytes.readBigUInt64BE(MADE_AT)),
    crc: bytes.readUInt32BE(CRC_AT),
  };
}
