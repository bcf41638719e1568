import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../base/assert.ts";
import { readU64, WAL_ID_BYTES, writeU64 } from "./group-codec.ts";
import { FILES_MAX } from "./limits.ts";

/* File header; docs/formats/wal.md draws it. */

export const FILE_HEADER_BYTES = 16_384;
/** It is written twice; groups begin behind both. */
export const FILE_HEADER_COPIES = 2;
export const FIRST_GROUP_POSITION = FILE_HEADER_COPIES * FILE_HEADER_BYTES;
export const WAL_FORMAT_VERSION = 1;

const MAGIC_HIGH = 0x54696465; // "Tide"
const MAGIC_LOW = 0x57414c66; // "WALf"
const WAL_ID_AT = 8;
const VERSION_AT = 16;
const SLOT_AT = 20;
const INCARNATION_AT = 24;
const RUN_AT = 32;
const FILE_BYTES_AT = 40;
const FIRST_GROUP_AT = 48;
const START_DURABLE_AT = 56;
const NEEDED_COUNT_AT = 64;
const SLOT_COUNT_AT = 68;
const OFFSETS_BEFORE_AT = 72;
const NEEDED_AT = 128;
const NEEDED_BYTES = 32;
const CRC_AT = FILE_HEADER_BYTES - 4;

/** An older incarnation that was not freed: its groups `firstGroup` to `lastGroup`, both included, count. */
export type NeededFile = Readonly<{ incarnation: number; slot: number; firstGroup: number; lastGroup: number }>;

export type FileHeader = Readonly<{
  walId: Uint8Array;
  version: number;
  slot: number;
  incarnation: number;
  run: number;
  fileBytes: number;
  firstGroup: number;
  startDurable: number;
  /** Files that existed then, free ones included. */
  slotCount: number;
  /** Offsets that append entries took over all groups below `firstGroup`. */
  offsetsBefore: number;
  needed: readonly NeededFile[];
}>;

/** One copy of the header. */
export function encodeFileHeader(header: FileHeader): Uint8Array {
  assert(header.needed.length <= FILES_MAX, "a file header names at most FILES_MAX files");
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_HIGH);
  view.setUint32(4, MAGIC_LOW);
  for (let i = 0; i < WAL_ID_BYTES; i++) bytes[WAL_ID_AT + i] = header.walId[i] as number;
  view.setUint32(VERSION_AT, header.version);
  view.setUint32(SLOT_AT, header.slot);
  writeU64(view, INCARNATION_AT, header.incarnation);
  writeU64(view, RUN_AT, header.run);
  writeU64(view, FILE_BYTES_AT, header.fileBytes);
  writeU64(view, FIRST_GROUP_AT, header.firstGroup);
  writeU64(view, START_DURABLE_AT, header.startDurable);
  view.setUint32(NEEDED_COUNT_AT, header.needed.length);
  view.setUint32(SLOT_COUNT_AT, header.slotCount);
  writeU64(view, OFFSETS_BEFORE_AT, header.offsetsBefore);
  for (const [i, file] of header.needed.entries()) encodeNeeded(view, NEEDED_AT + i * NEEDED_BYTES, file);
  view.setUint32(CRC_AT, crc32c(bytes.subarray(0, CRC_AT)));
  return bytes;
}

function encodeNeeded(view: DataView, at: number, file: NeededFile): void {
  writeU64(view, at, file.incarnation);
  view.setUint32(at + 8, file.slot);
  writeU64(view, at + 16, file.firstGroup);
  writeU64(view, at + 24, file.lastGroup);
}

/** The header at `at`, or undefined when its checksum or its contents are not right. Any log id and version are fine. */
export function decodeFileHeader(bytes: Uint8Array, at: number): FileHeader | undefined {
  if (bytes.byteLength - at < FILE_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, FILE_HEADER_BYTES);
  if (view.getUint32(0) !== MAGIC_HIGH || view.getUint32(4) !== MAGIC_LOW) return undefined;
  if (crc32c(bytes.subarray(at, at + CRC_AT)) !== view.getUint32(CRC_AT)) return undefined;
  const neededCount = view.getUint32(NEEDED_COUNT_AT);
  if (neededCount > FILES_MAX) return undefined;
  const header: FileHeader = {
    walId: bytes.slice(at + WAL_ID_AT, at + WAL_ID_AT + WAL_ID_BYTES),
    version: view.getUint32(VERSION_AT),
    slot: view.getUint32(SLOT_AT),
    incarnation: readU64(view, INCARNATION_AT),
    run: readU64(view, RUN_AT),
    fileBytes: readU64(view, FILE_BYTES_AT),
    firstGroup: readU64(view, FIRST_GROUP_AT),
    startDurable: readU64(view, START_DURABLE_AT),
    slotCount: view.getUint32(SLOT_COUNT_AT),
    offsetsBefore: readU64(view, OFFSETS_BEFORE_AT),
    needed: Array.from({ length: neededCount }, (_, i) => decodeNeeded(view, NEEDED_AT + i * NEEDED_BYTES)),
  };
  return isPlausible(header) ? header : undefined;
}

function decodeNeeded(view: DataView, at: number): NeededFile {
  return {
    incarnation: readU64(view, at),
    slot: view.getUint32(at + 8),
    firstGroup: readU64(view, at + 16),
    lastGroup: readU64(view, at + 24),
  };
}

function isPlausible(header: FileHeader): boolean {
  const numbers = [header.incarnation, header.run, header.fileBytes, header.firstGroup, header.startDurable, header.offsetsBefore];
  if (!numbers.every(Number.isSafeInteger) || header.incarnation < 1 || header.run < 1 || header.firstGroup < 1) return false;
  let previous = 0;
  for (const file of header.needed) {
    if (![file.incarnation, file.firstGroup, file.lastGroup].every(Number.isSafeInteger)) return false;
    if (file.incarnation <= previous || file.incarnation >= header.incarnation) return false;
    previous = file.incarnation;
  }
  return true;
}
