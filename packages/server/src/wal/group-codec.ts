import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { BLOCK_BYTES, GROUP_ENTRIES_MAX } from "./limits.ts";

/* Group header and its directory; docs/formats/wal.md draws them. */

export const GROUP_HEADER_BYTES = 128;
export const WAL_ID_BYTES = 8;
const MAGIC_HIGH = 0x54696465; // "Tide"
const MAGIC_LOW = 0x57414c67; // "WALg"

const WAL_ID_AT = 8;
const INCARNATION_AT = 16;
const RUN_AT = 24;
const NUMBER_AT = 32;
const DURABLE_AT = 40;
const METADATA_INDEX_AT = 48;
const OFFSETS_AT = 56;
const BYTES_AT = 64;
const ENTRY_COUNT_AT = 68;
const DIRECTORY_AT = 72;
const DIRECTORY_CRC_AT = 76;
const BLOCK_AT = 80;
const FLAGS_AT = 84;
const ZERO_AT = 88;
const CRC_AT = 124;

/** Nothing follows this group in its run: the process ended in good order. */
export const CLEAN_END_FLAG = 1;
const FLAGS_KNOWN = CLEAN_END_FLAG;

/** What a group says about itself. Positions count from the group's start. */
export type GroupHeader = {
  incarnation: number;
  run: number;
  number: number;
  durableGroup: number;
  metadataIndex: number;
  /** Offsets that append entries took over all groups up to this one. */
  offsets: number;
  /** Header, bodies, directory, padding. */
  bytes: number;
  entryCount: number;
  directoryPosition: number;
  directoryCrc: number;
  /** Position in the file ÷ 4096. */
  block: number;
  flags: number;
};

/** Reads a 64-bit number that is below 2^53 when it is valid; else a rounded one, which no check accepts. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 0x1_0000_0000));
  view.setUint32(at + 4, value >>> 0);
}

/** Writes the 128 bytes at `at` of a slab; `bytes` and `view` show the same memory. */
export function encodeGroupHeader(bytes: Uint8Array, view: DataView, at: number, walId: Uint8Array, header: GroupHeader): void {
  view.setUint32(at, MAGIC_HIGH);
  view.setUint32(at + 4, MAGIC_LOW);
  for (let i = 0; i < WAL_ID_BYTES; i++) bytes[at + WAL_ID_AT + i] = walId[i] as number;
  writeU64(view, at + INCARNATION_AT, header.incarnation);
  writeU64(view, at + RUN_AT, header.run);
  writeU64(view, at + NUMBER_AT, header.number);
  writeU64(view, at + DURABLE_AT, header.durableGroup);
  writeU64(view, at + METADATA_INDEX_AT, header.metadataIndex);
  writeU64(view, at + OFFSETS_AT, header.offsets);
  view.setUint32(at + BYTES_AT, header.bytes);
  view.setUint32(at + ENTRY_COUNT_AT, header.entryCount);
  view.setUint32(at + DIRECTORY_AT, header.directoryPosition);
  view.setUint32(at + DIRECTORY_CRC_AT, header.directoryCrc);
  view.setUint32(at + BLOCK_AT, header.block);
  view.setUint32(at + FLAGS_AT, header.flags);
  for (let i = ZERO_AT; i < CRC_AT; i += 4) view.setUint32(at + i, 0);
  view.setUint32(at + CRC_AT, crc32c(bytes.subarray(at, at + CRC_AT)));
}

/** Where a header says its directory lies, without any check: for memory that this process has written itself. */
export function directoryPositionOf(view: DataView, headerAt: number): number {
  return view.getUint32(headerAt + DIRECTORY_AT);
}

/** Whether a block begins like a group header: cheap, to skip over zeros. */
export function looksLikeGroup(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x54 && bytes[at + 1] === 0x69 && bytes[at + 4] === 0x57 && bytes[at + 7] === 0x67;
}

/**
 * The header at `at`, or undefined when these bytes are not a right header of this log at this place (checksum, log id,
 * position in the file, lengths that fit `fileBytes`). The directory is not looked at.
 */
export function decodeGroupHeader(
  bytes: Uint8Array,
  at: number,
  walId: Uint8Array,
  filePosition: number,
  fileBytes: number,
): GroupHeader | undefined {
  if (bytes.byteLength - at < GROUP_HEADER_BYTES || !looksLikeGroup(bytes, at)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, GROUP_HEADER_BYTES);
  if (view.getUint32(0) !== MAGIC_HIGH || view.getUint32(4) !== MAGIC_LOW) return undefined;
  if (crc32c(bytes.subarray(at, at + CRC_AT)) !== view.getUint32(CRC_AT)) return undefined;
  for (let i = 0; i < WAL_ID_BYTES; i++) if (bytes[at + WAL_ID_AT + i] !== walId[i]) return undefined;
  const header: GroupHeader = {
    incarnation: readU64(view, INCARNATION_AT),
    run: readU64(view, RUN_AT),
    number: readU64(view, NUMBER_AT),
    durableGroup: readU64(view, DURABLE_AT),
    metadataIndex: readU64(view, METADATA_INDEX_AT),
    offsets: readU64(view, OFFSETS_AT),
    bytes: view.getUint32(BYTES_AT),
    entryCount: view.getUint32(ENTRY_COUNT_AT),
    directoryPosition: view.getUint32(DIRECTORY_AT),
    directoryCrc: view.getUint32(DIRECTORY_CRC_AT),
    block: view.getUint32(BLOCK_AT),
    flags: view.getUint32(FLAGS_AT),
  };
  return isPlausible(header, filePosition, fileBytes) ? header : undefined;
}

function isPlausible(h: GroupHeader, filePosition: number, fileBytes: number): boolean {
  const numbers = [h.incarnation, h.run, h.number, h.durableGroup, h.metadataIndex, h.offsets];
  if (!numbers.every(Number.isSafeInteger) || h.incarnation < 1 || h.run < 1 || h.number < 1 || h.durableGroup >= h.number) return false;
  if (h.block * BLOCK_BYTES !== filePosition || (h.flags & ~FLAGS_KNOWN) !== 0) return false;
  if (h.bytes % BLOCK_BYTES !== 0 || h.bytes === 0 || filePosition + h.bytes > fileBytes) return false;
  if (h.entryCount > GROUP_ENTRIES_MAX || h.directoryPosition < GROUP_HEADER_BYTES || h.directoryPosition % 32 !== 0) return false;
  return h.directoryPosition + h.entryCount * ENTRY_BYTES <= h.bytes;
}

export const ENTRY_BYTES = 96;
/** Bytes of a batch header in an append entry. */
export const CONTENT_BYTES = 61;

export const EntryKind = { append: 1, truncate: 2, base: 3, epoch: 4, forget: 5, start: 6, free: 7 } as const;
export const COPY_FLAG = 1;
export const LAST_CHUNK_FLAG = 2;
export const INSTALLED_FLAG = 4;
/** The partition field of start and free. */
export const NO_PARTITION = 0xffff_ffff;

/* Fields of an entry, from its start. */
export const PARTITION_AT = 0;
export const KIND_AT = 4;
export const ENTRY_FLAGS_AT = 5;
export const NEXT_AT = 6;
export const POSITION_AT = 8;
export const LENGTH_AT = 12;
export const APPEND_TIME_AT = 16;
export const MARK_AT = 24;
export const CONTENT_AT = 32;
export const ORIGIN_INDEX_AT = 94;
/* Content of entries that are no appends, from the entry's start. */
export const OFFSET_AT = CONTENT_AT;
export const SECOND_AT = CONTENT_AT + 8;
export const THIRD_AT = CONTENT_AT + 16;
export const BODY_CRC_AT = CONTENT_AT + 24;
export const CHUNK_AT = CONTENT_AT + 28;
export const EPOCH_AT = CONTENT_AT + 32;
/* Content of appends: the batch header begins at CONTENT_AT. */
export const BASE_OFFSET_AT = CONTENT_AT;
export const BATCH_EPOCH_AT = CONTENT_AT + 12;
export const LAST_DELTA_AT = CONTENT_AT + 23;
export const MAX_TIMESTAMP_AT = CONTENT_AT + 35;

/**
 * Whether a directory can be trusted: its checksum, and what this process relies on without looking again (kinds,
 * bodies inside the group, links that lead forward, batch lengths that agree).
 */
export function isDirectoryRight(directory: Uint8Array, header: GroupHeader): boolean {
  if (directory.byteLength !== header.entryCount * ENTRY_BYTES || crc32c(directory) !== header.directoryCrc) return false;
  const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength);
  for (let index = 0; index < header.entryCount; index++) if (!isEntryRight(view, index, header)) return false;
  return true;
}

function isEntryRight(view: DataView, index: number, header: GroupHeader): boolean {
  const at = index * ENTRY_BYTES;
  const kind = view.getUint8(at + KIND_AT);
  const position = view.getUint32(at + POSITION_AT);
  const length = view.getUint32(at + LENGTH_AT);
  const next = view.getUint16(at + NEXT_AT);
  if (kind < EntryKind.append || kind > EntryKind.free || view.getUint8(at + ENTRY_FLAGS_AT) > 7) return false;
  if (next !== 0 && (next <= index + 1 || next > header.entryCount)) return false;
  if (position + length > header.directoryPosition || (length > 0 && position < GROUP_HEADER_BYTES)) return false;
  if (!Number.isSafeInteger(readU64(view, at + OFFSET_AT)) || !Number.isSafeInteger(readU64(view, at + MARK_AT))) return false;
  if (kind !== EntryKind.append) return true;
  return length >= CONTENT_BYTES && view.getUint32(at + CONTENT_AT + 8) + 12 === length && view.getInt32(at + LAST_DELTA_AT) >= 0;
}
