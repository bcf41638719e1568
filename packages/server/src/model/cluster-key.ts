import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../base/assert.ts";
import { isClusterId } from "./object-id.ts";

// docs/formats/metadata-log.md, "The cluster of a bucket".

/** The one object in the root of a bucket: which cluster's metadata lies there. */
export const CLUSTER_KEY = "tidemq-cluster";

/** Every object of a cluster's metadata log has this prefix. */
export function metadataPrefix(clusterId: string): string {
  return `${clusterId}/meta/`;
}

/** Has the same bytes, when the log was brought to a bucket whose cluster had it elsewhere. */
export function logBeginKey(clusterId: string): string {
  return `${metadataPrefix(clusterId)}begin`;
}

export const CLUSTER_KEY_BYTES = 100;
export const CLUSTER_KEY_VERSION = 1;
const MAGIC = Buffer.from("TMQCLUS1", "latin1");
const ID_AT = 12;
const ELSEWHERE_AT = 79;
const BASE_INDEX_AT = 80;
const BASE_RANDOM_AT = 88;
const CRC_AT = 96;

/** The snapshot that a log begins behind, which came from elsewhere: `random` of its key, 16 hexadecimal characters. */
export type LogBase = Readonly<{ index: number; random: string }>;

/**
 * Whose bucket it is; without a base the log begins with batch 1. `isElsewhere`: the log does not lie in the bucket, unless the key
 * `logBeginKey` says that it was brought there.
 */
export type ClusterKey = Readonly<{ clusterId: string; isElsewhere: boolean; base: LogBase | undefined }>;

/** By newer software: nothing else of it is known. */
export type NewerClusterKey = Readonly<{ newerVersion: number }>;

export function encodeClusterKey({ clusterId, isElsewhere, base }: ClusterKey): Uint8Array {
  assert(isClusterId(clusterId), `not a cluster id: ${clusterId}`);
  const bytes = Buffer.alloc(CLUSTER_KEY_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32BE(CLUSTER_KEY_VERSION, 8);
  bytes.writeUInt8(clusterId.length, ID_AT);
  bytes.write(clusterId, ID_AT + 1, "latin1");
  bytes.writeUInt8(isElsewhere ? 1 : 0, ELSEWHERE_AT);
  if (base !== undefined) {
    bytes.writeBigUInt64BE(BigInt(base.index), BASE_INDEX_AT);
    bytes.write(base.random, BASE_RANDOM_AT, 8, "hex");
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, CRC_AT)), CRC_AT);
  return bytes;
}

/** Undefined when it is none, or damaged. Later versions have the same checksum in the same place. */
export function decodeClusterKey(from: Uint8Array): ClusterKey | NewerClusterKey | undefined {
  const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  if (bytes.byteLength < CLUSTER_KEY_BYTES || bytes.compare(MAGIC, 0, 8, 0, 8) !== 0) return undefined;
  if (bytes.readUInt32BE(CRC_AT) !== crc32c(bytes.subarray(0, CRC_AT))) return undefined;
  const version = bytes.readUInt32BE(8);
  if (version > CLUSTER_KEY_VERSION) return { newerVersion: version };
  const clusterId = bytes.toString("latin1", ID_AT + 1, ID_AT + 1 + bytes.readUInt8(ID_AT));
  if (!isClusterId(clusterId)) return undefined;
  const index = Number(bytes.readBigUInt64BE(BASE_INDEX_AT));
  const random = bytes.toString("hex", BASE_RANDOM_AT, BASE_RANDOM_AT + 8);
  return { clusterId, isElsewhere: bytes.readUInt8(ELSEWHERE_AT) === 1, base: index === 0 ? undefined : { index, random } };
}
