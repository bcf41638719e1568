import { Buffer } from "node:buffer";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../base/assert.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import {
  corrupt,
  decoding,
  identityBytes,
  OBJECT_ID_BYTES,
  type ObjectIdentity,
  readIdentity,
  readObjectId,
  sameIdentity,
  writeIdentity,
  writeObjectId,
} from "./identity-codec.ts";
import { MANIFEST_CHILDREN_MAX, MANIFEST_RANGES_MAX } from "./limits.ts";

/** The older history of one partition: pointers to leaves, then ranges, all ascending. A leaf has no children. */
export type Manifest = Readonly<{
  identity: ObjectIdentity;
  partitionId: number;
  children: readonly ManifestPointer[];
  ranges: readonly ObjectRange[];
}>;

/** Offsets, timestamp and sums of a manifest, as its pointer says them. */
export type ManifestSummary = Omit<ManifestPointer, "object" | "objectBytes" | "objectCrc">;

const MAGIC = Buffer.from("TIDEMAN\n", "latin1");
const VERSION = 1;
const FIXED_BYTES = 52;
const CHILD_BYTES = 88;
const RANGE_BYTES = 96;
const CRC_BYTES = 4;
const KINDS = ["data", "hole", "gap"] as const;

export function manifestSummary(manifest: Manifest): ManifestSummary {
  const parts = [...manifest.children, ...manifest.ranges];
  const [first, last] = [parts[0], parts.at(-1)];
  assert(first !== undefined && last !== undefined, "a manifest is never empty");
  let rangeCount = manifest.ranges.length;
  for (const child of manifest.children) rangeCount += child.rangeCount;
  return {
    partitionId: manifest.partitionId,
    startOffset: first.startOffset,
    endOffset: last.endOffset,
    maxTimestampMs: parts.reduce((most, part) => Math.max(most, part.maxTimestampMs), -1),
    rangeCount,
    dataBytes: parts.reduce((sum, part) => sum + part.dataBytes, 0),
  };
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const { identity, children, ranges } = manifest;
  assert(children.length <= MANIFEST_CHILDREN_MAX && ranges.length <= MANIFEST_RANGES_MAX, "a manifest is within its limits");
  const { startOffset, endOffset, maxTimestampMs } = manifestSummary(manifest);
  const writer = new ByteWriter(manifestBytes(identity, children.length, ranges.length));
  writer.raw(MAGIC);
  writer.uint16(VERSION);
  writer.uint16(0);
  writer.uint32(children.length);
  writer.uint32(ranges.length);
  for (const value of [manifest.partitionId, startOffset, endOffset, maxTimestampMs]) writer.int64(value);
  writeIdentity(writer, identity);
  for (const child of children) writeChild(writer, child);
  for (const range of ranges) writeRange(writer, range);
  writer.uint32(crc32c(writer.finish()));
  return writer.finish();
}

function manifestBytes(identity: ObjectIdentity, children: number, ranges: number): number {
  return FIXED_BYTES + identityBytes(identity) + children * CHILD_BYTES + ranges * RANGE_BYTES + CRC_BYTES;
}

function writeChild(writer: ByteWriter, child: ManifestPointer): void {
  for (const value of [child.startOffset, child.endOffset, child.maxTimestampMs]) writer.int64(value);
  writeObjectId(writer, child.object);
  writer.uint32(child.objectCrc);
  for (const value of [child.objectBytes, child.rangeCount, child.dataBytes, 0]) writer.int64(value);
}

function writeRange(writer: ByteWriter, range: ObjectRange): void {
  for (const value of [range.startOffset, range.endOffset, range.maxTimestampMs]) writer.int64(value);
  writer.int32(range.leaderEpoch);
  writer.int8(KINDS.indexOf(range.kind));
  writer.raw(Buffer.alloc(3));
  if (range.object === undefined) writer.raw(Buffer.alloc(OBJECT_ID_BYTES));
  else writeObjectId(writer, range.object);
  writer.uint32(range.indexBytes);
  for (const value of [range.objectBytes, range.position, range.dataBytes]) writer.int64(value);
  writer.uint32(range.indexCrc);
  writer.uint32(0);
}

/** @throws QueueError CORRUPT_RECORD unless the bytes are exactly the manifest that the pointer names. */
export function decodeManifest(bytes: Uint8Array, pointer: ManifestPointer, clusterId: string, where: string): Manifest {
  if (bytes.byteLength !== pointer.objectBytes || crc32c(bytes) !== pointer.objectCrc) throw corrupt(where, "checksum of the manifest");
  const manifest = decodeAnyManifest(bytes, where);
  const summary = manifestSummary(manifest);
  const same =
    sameIdentity(manifest.identity, { clusterId, object: pointer.object }) &&
    manifest.partitionId === pointer.partitionId &&
    summary.startOffset === pointer.startOffset &&
    summary.endOffset === pointer.endOffset &&
    summary.maxTimestampMs === pointer.maxTimestampMs;
  if (!same) throw corrupt(where, "the manifest of another object, partition or range lies here (swapped)");
  return manifest;
}

/** @throws QueueError CORRUPT_RECORD unless the bytes are exactly one manifest, of whatever object. */
export function decodeAnyManifest(bytes: Uint8Array, where: string): Manifest {
  if (bytes.byteLength < FIXED_BYTES + CRC_BYTES) throw corrupt(where, "too short for a manifest");
  return decoding(where, () => {
    const reader = new ByteReader(bytes, 0, bytes.byteLength - CRC_BYTES);
    if (!MAGIC.equals(reader.bytes(MAGIC.byteLength))) throw reader.malformed("not a manifest");
    const version = reader.uint16();
    if (version !== VERSION) throw reader.malformed(`unknown version ${version}`);
    if (new ByteReader(bytes, bytes.byteLength - CRC_BYTES).uint32() !== crc32c(bytes.subarray(0, -CRC_BYTES)))
      throw reader.malformed("checksum of the manifest");
    if (reader.uint16() !== 0) throw reader.malformed("unknown flags");
    return readManifest(reader);
  });
}

function readManifest(reader: ByteReader): Manifest {
  const [childCount, rangeCount] = [reader.uint32(), reader.uint32()];
  const [partitionId, startOffset, endOffset, maxTimestampMs] = [reader.int64(), reader.int64(), reader.int64(), reader.int64()];
  const identity = readIdentity(reader);
  if (childCount > MANIFEST_CHILDREN_MAX || rangeCount > MANIFEST_RANGES_MAX || childCount + rangeCount === 0)
    throw reader.malformed(`${childCount} children and ${rangeCount} ranges`);
  if (childCount * CHILD_BYTES + rangeCount * RANGE_BYTES !== reader.remaining)
    throw reader.malformed("the lists do not fill the manifest");
  const children = Array.from({ length: childCount }, () => readChild(reader, partitionId));
  const ranges = Array.from({ length: rangeCount }, () => readRange(reader, partitionId));
  const manifest = { identity, partitionId, children, ranges };
  checkOrder(reader, [...children, ...ranges]);
  const summary = manifestSummary(manifest);
  const same = summary.startOffset === startOffset && summary.endOffset === endOffset && summary.maxTimestampMs === maxTimestampMs;
  if (!same || partitionId < 0) throw reader.malformed("the header does not fit the lists");
  return manifest;
}

function checkOrder(reader: ByteReader, parts: readonly Readonly<{ startOffset: number; endOffset: number }>[]): void {
  let end = 0;
  for (const part of parts) {
    if (part.startOffset < end || part.endOffset <= part.startOffset) throw reader.malformed("children or ranges do not ascend");
    end = part.endOffset;
  }
}

function readChild(reader: ByteReader, partitionId: number): ManifestPointer {
  const [startOffset, endOffset, maxTimestampMs] = [reader.int64(), reader.int64(), reader.int64()];
  const object = readObjectId(reader);
  const objectCrc = reader.uint32();
  const [objectBytes, rangeCount, dataBytes] = [reader.int64(), reader.int64(), reader.int64()];
  if (reader.int64() !== 0 || objectBytes < 0 || rangeCount < 1 || dataBytes < 0 || maxTimestampMs < -1)
    throw reader.malformed("a child is impossible");
  return { partitionId, startOffset, endOffset, maxTimestampMs, object, objectCrc, objectBytes, rangeCount, dataBytes };
}

function readRange(reader: ByteReader, partitionId: number): ObjectRange {
  const [startOffset, endOffset, maxTimestampMs] = [reader.int64(), reader.int64(), reader.int64()];
  const leaderEpoch = reader.int32();
  const kind = KINDS[reader.int8()];
  if (kind === undefined) throw reader.malformed("unknown kind of range");
  reader.skip(3);
  const id = readObjectId(reader);
  const indexBytes = reader.uint32();
  const [objectBytes, position, dataBytes] = [reader.int64(), reader.int64(), reader.int64()];
  const indexCrc = reader.uint32();
  reader.skip(4);
  const object = kind === "data" ? id : undefined;
  const inside = position >= 0 && dataBytes >= 0 && position + dataBytes + indexBytes <= objectBytes;
  const possible = kind === "data" ? inside && indexBytes > 0 : objectBytes + position + dataBytes + indexBytes === 0;
  if (!possible || maxTimestampMs < -1) throw reader.malformed("a range is impossible");
  const place = { object, objectBytes, position, dataBytes, indexBytes, indexCrc };
  return { partitionId, startOffset, endOffset, leaderEpoch, maxTimestampMs, kind, ...place };
}

/** The first of ascending spans that ends above `offset`: the one that contains it, or the next. */
export function firstAbove<T extends Readonly<{ endOffset: number }>>(spans: readonly T[], offset: number): T | undefined {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle] as T).endOffset > offset) high = middle;
    else low = middle + 1;
  }
  return spans[low];
}
