import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { SNAPSHOT_PARTS_MAX } from "../limits.ts";

// docs/formats/metadata-log.md, "In object storage".

const HEAD_VERSION = 1;
const MAGIC = Buffer.from("TMQMSNP1", "latin1");
const CLUSTER_ID_AT = 20;
const BYTES_AT = 88;
const PARTS_AT = 96;
const CRCS_AT = 100;

/** Names the parts of a snapshot, which are nothing without it. */
export type SnapshotHead = Readonly<{
  version: number;
  index: number;
  clusterId: string;
  bytes: number;
  /** CRC of each part, in order. */
  partCrcs: readonly number[];
}>;

export function encodeSnapshotHead(head: Omit<SnapshotHead, "version">): Uint8Array {
  const { partCrcs, clusterId } = head;
  const bytes = Buffer.alloc(headBytes(partCrcs.length));
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32BE(HEAD_VERSION, 8);
  bytes.writeBigUInt64BE(BigInt(head.index), 12);
  bytes.writeUInt8(clusterId.length, CLUSTER_ID_AT);
  bytes.write(clusterId, CLUSTER_ID_AT + 1, "latin1");
  bytes.writeBigUInt64BE(BigInt(head.bytes), BYTES_AT);
  bytes.writeUInt32BE(partCrcs.length, PARTS_AT);
  partCrcs.forEach((crc, at) => bytes.writeUInt32BE(crc, CRCS_AT + 4 * at));
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, bytes.byteLength - 4)), bytes.byteLength - 4);
  return bytes;
}

/** Undefined when it is none. */
export function decodeSnapshotHead(from: Uint8Array): SnapshotHead | undefined {
  const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  if (bytes.byteLength < headBytes(0) || bytes.compare(MAGIC, 0, 8, 0, 8) !== 0) return undefined;
  if (bytes.readUInt32BE(bytes.byteLength - 4) !== crc32c(bytes.subarray(0, bytes.byteLength - 4))) return undefined;
  const parts = bytes.readUInt32BE(PARTS_AT);
  if (parts > SNAPSHOT_PARTS_MAX || bytes.byteLength !== headBytes(parts)) return undefined;
  return {
    version: bytes.readUInt32BE(8),
    index: Number(bytes.readBigUInt64BE(12)),
    clusterId: bytes.toString("latin1", CLUSTER_ID_AT + 1, CLUSTER_ID_AT + 1 + bytes.readUInt8(CLUSTER_ID_AT)),
    bytes: Number(bytes.readBigUInt64BE(BYTES_AT)),
    partCrcs: Array.from({ length: parts }, (_, at) => bytes.readUInt32BE(CRCS_AT + 4 * at)),
  };
}

export function isNewerHead(head: SnapshotHead): boolean {
  return head.version > HEAD_VERSION;
}

function headBytes(parts: number): number {
  return CRCS_AT + 4 * parts + 4;
}
