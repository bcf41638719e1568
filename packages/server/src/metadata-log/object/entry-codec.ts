import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../../base/assert.ts";
import { BATCH_BYTES_MAX } from "../limits.ts";
import type { LogEntry } from "../metadata-log.ts";

// docs/formats/metadata-log.md, "In object storage".

export const ENTRY_HEADER_BYTES = 128;
/** An object is at least this long, so that one read of so much has all of a usual batch. */
export const ENTRY_BYTES_MIN = 1024;
export const ENTRY_VERSION = 1;

const MAGICS = { batch: Buffer.from("TMQMOBJ1", "latin1"), moved: Buffer.from("TMQMMOV1", "latin1") } as const;

/** `moved`: the log ends here for good, the payload says where it goes on. */
export type EntryKind = keyof typeof MAGICS;
const CLUSTER_ID_AT = 28;
const PAYLOAD_BYTES_AT = 96;
const PAYLOAD_CRC_AT = 100;
const HEADER_CRC_AT = 104;

/** What the header says; `problem` when nobody can say what it is. */
export type EntryHeader = Readonly<{
  kind: EntryKind;
  version: number;
  index: number;
  nonce: string;
  clusterId: string;
  payloadBytes: number;
  payloadCrc: number;
}>;

/** A whole object: header, payload, zeros. */
export function encodeEntry(clusterId: string, entry: LogEntry, kind: EntryKind = "batch"): Uint8Array {
  const { payload } = entry;
  assert(payload.byteLength <= BATCH_BYTES_MAX, `a batch of ${payload.byteLength} bytes is too large`);
  const bytes = Buffer.alloc(entryBytes(payload.byteLength));
  MAGICS[kind].copy(bytes, 0);
  bytes.writeUInt32BE(ENTRY_VERSION, 8);
  bytes.writeBigUInt64BE(BigInt(entry.index), 12);
  bytes.write(entry.nonce, 20, 8, "hex");
  bytes.writeUInt8(clusterId.length, CLUSTER_ID_AT);
  bytes.write(clusterId, CLUSTER_ID_AT + 1, "latin1");
  bytes.writeUInt32BE(payload.byteLength, PAYLOAD_BYTES_AT);
  bytes.writeUInt32BE(crc32c(payload), PAYLOAD_CRC_AT);
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
  Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).copy(bytes, ENTRY_HEADER_BYTES);
  return bytes;
}

/** Of an object with so large a payload. */
export function entryBytes(payloadBytes: number): number {
  return Math.max(ENTRY_BYTES_MIN, ENTRY_HEADER_BYTES + payloadBytes);
}

/** The header at the front of these bytes; undefined when there is no valid one. */
export function decodeEntryHeader(from: Uint8Array): EntryHeader | undefined {
  const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  const kind = bytes.byteLength < ENTRY_HEADER_BYTES ? undefined : kindOf(bytes);
  if (kind === undefined) return undefined;
  if (bytes.readUInt32BE(HEADER_CRC_AT) !== crc32c(bytes.subarray(0, HEADER_CRC_AT))) return undefined;
  const idLength = bytes.readUInt8(CLUSTER_ID_AT);
  const payloadBytes = bytes.readUInt32BE(PAYLOAD_BYTES_AT);
  if (payloadBytes > BATCH_BYTES_MAX) return undefined;
  return {
    kind,
    version: bytes.readUInt32BE(8),
    index: Number(bytes.readBigUInt64BE(12)),
    nonce: bytes.toString("hex", 20, 28),
    clusterId: bytes.toString("latin1", CLUSTER_ID_AT + 1, CLUSTER_ID_AT + 1 + idLength),
    payloadBytes,
    payloadCrc: bytes.readUInt32BE(PAYLOAD_CRC_AT),
  };
}

function kindOf(bytes: Buffer): EntryKind | undefined {
  return (["batch", "moved"] as const).find((kind) => bytes.compare(MAGICS[kind], 0, 8, 0, 8) === 0);
}

export function isNewerEntry(header: EntryHeader): boolean {
  return header.version > ENTRY_VERSION;
}
