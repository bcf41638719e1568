import { Buffer } from "node:buffer";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../base/assert.ts";
import { corrupt, decoding, type ObjectIdentity, readIdentity, writeIdentity } from "./identity-codec.ts";
import { SECTIONS_MAX } from "./limits.ts";

/** First and last bytes of an object. */
export const OBJECT_MAGIC: Uint8Array = Buffer.from("TIDEOBJ\n", "latin1");
export const TRAILER_BYTES = 40;

const VERSION = 1;
const TRAILER_CRC_AT = 28;
const ENTRY_BYTES = 64;

/** One line of an object's directory. Lengths in bytes; `position` from the object's start. */
export type DirectoryEntry = Readonly<{
  partitionId: number;
  startOffset: number;
  endOffset: number;
  maxTimestampMs: number;
  position: number;
  dataBytes: number;
  leaderEpoch: number;
  indexBytes: number;
  indexCrc: number;
  baseBytes: number;
}>;

export type ObjectDirectory = Readonly<{ identity: ObjectIdentity; entries: readonly DirectoryEntry[] }>;
export type ObjectTrailer = Readonly<{ objectBytes: number; directoryPosition: number; directoryBytes: number; directoryCrc: number }>;

/** Directory and trailer, which follow the sections of an object. */
export function encodeObjectEnd(directory: ObjectDirectory, directoryPosition: number): Uint8Array {
  assert(directory.entries.length > 0 && directory.entries.length <= SECTIONS_MAX, "an object has between 1 and 65,536 sections");
  const writer = new ByteWriter(128 + directory.entries.length * ENTRY_BYTES + TRAILER_BYTES);
  writeIdentity(writer, directory.identity);
  writer.uint32(directory.entries.length);
  for (const entry of directory.entries) writeEntry(writer, entry);
  const directoryBytes = writer.length;
  const directoryCrc = crc32c(writer.finish());
  const objectBytes = directoryPosition + directoryBytes + TRAILER_BYTES;
  writer.raw(encodeTrailer({ objectBytes, directoryPosition, directoryBytes, directoryCrc }));
  return writer.finish();
}

function writeEntry(writer: ByteWriter, entry: DirectoryEntry): void {
  const { partitionId, startOffset, endOffset, maxTimestampMs, position, dataBytes } = entry;
  for (const value of [partitionId, startOffset, endOffset, maxTimestampMs, position, dataBytes]) writer.int64(value);
  writer.int32(entry.leaderEpoch);
  for (const value of [entry.indexBytes, entry.indexCrc, entry.baseBytes]) writer.uint32(value);
}

function encodeTrailer(trailer: ObjectTrailer): Uint8Array {
  const writer = new ByteWriter(TRAILER_BYTES);
  writer.int64(trailer.objectBytes);
  writer.int64(trailer.directoryPosition);
  writer.uint32(trailer.directoryBytes);
  writer.uint32(trailer.directoryCrc);
  writer.uint16(VERSION);
  writer.uint16(0);
  writer.uint32(crc32c(writer.finish()));
  writer.raw(OBJECT_MAGIC);
  return writer.finish();
}

/**
 * @param bytes The last 40 bytes of the object.
 * @throws QueueError CORRUPT_RECORD when they are no trailer, or that of a shorter or longer object.
 */
export function decodeTrailer(bytes: Uint8Array, objectBytes: number, where: string): ObjectTrailer {
  if (bytes.byteLength !== TRAILER_BYTES) throw corrupt(where, "too short for an object");
  const magic = Buffer.from(bytes.buffer, bytes.byteOffset + TRAILER_CRC_AT + 4, OBJECT_MAGIC.byteLength);
  if (!magic.equals(OBJECT_MAGIC)) throw corrupt(where, "does not end as an object does");
  return decoding(where, () => {
    const reader = new ByteReader(bytes);
    const trailer = {
      objectBytes: reader.int64(),
      directoryPosition: reader.int64(),
      directoryBytes: reader.uint32(),
      directoryCrc: reader.uint32(),
    };
    const version = reader.uint16();
    reader.skip(2);
    if (reader.uint32() !== crc32c(bytes.subarray(0, TRAILER_CRC_AT))) throw reader.malformed("checksum of the trailer");
    if (version !== VERSION) throw reader.malformed(`unknown version ${version}`);
    const directoryEnd = trailer.directoryPosition + trailer.directoryBytes;
    if (trailer.objectBytes !== objectBytes || directoryEnd + TRAILER_BYTES !== objectBytes) throw reader.malformed("another length");
    if (trailer.directoryPosition < OBJECT_MAGIC.byteLength) throw reader.malformed("the directory lies outside of the object");
    return trailer;
  });
}

/** @throws QueueError CORRUPT_RECORD when the bytes are not exactly the directory that the trailer announces. */
export function decodeDirectory(bytes: Uint8Array, trailer: ObjectTrailer, where: string): ObjectDirectory {
  if (bytes.byteLength !== trailer.directoryBytes || crc32c(bytes) !== trailer.directoryCrc)
    throw corrupt(where, "checksum of the directory");
  return decoding(where, () => {
    const reader = new ByteReader(bytes);
    const identity = readIdentity(reader);
    const count = reader.uint32();
    if (count === 0 || count > SECTIONS_MAX || count * ENTRY_BYTES !== reader.remaining) throw reader.malformed(`${count} sections`);
    let end = OBJECT_MAGIC.byteLength;
    const entries = Array.from({ length: count }, () => {
      const entry = readEntry(reader);
      if (entry.position !== end) throw reader.malformed("sections do not join");
      end += entry.dataBytes + entry.indexBytes + entry.baseBytes;
      return entry;
    });
    if (end !== trailer.directoryPosition) throw reader.malformed("sections do not join");
    return { identity, entries };
  });
}

function readEntry(reader: ByteReader): DirectoryEntry {
  const entry = {
    partitionId: reader.int64(),
    startOffset: reader.int64(),
    endOffset: reader.int64(),
    maxTimestampMs: reader.int64(),
    position: reader.int64(),
    dataBytes: reader.int64(),
    leaderEpoch: reader.int32(),
    indexBytes: reader.uint32(),
    indexCrc: reader.uint32(),
    baseBytes: reader.uint32(),
  };
  const possible = entry.partitionId >= 0 && entry.startOffset >= 0 && entry.startOffset < entry.endOffset && entry.dataBytes >= 0;
  if (!possible) throw reader.malformed("a section is impossible");
  return entry;
}
