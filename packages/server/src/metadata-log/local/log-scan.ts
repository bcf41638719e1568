import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { QueueError } from "../../base/errors.ts";
import type { DiskFile } from "../../io/disk.ts";
import { ReadWindow } from "./read-window.ts";
import {
  decodeFileHeader,
  decodeRecordHeader,
  FILE_HEADER_BYTES,
  FILE_VERSION,
  type LogFileHeader,
  RECORD_HEADER_BYTES,
  recordBytes,
} from "./record-codec.ts";

/** What the node's operator can do about damage. */
export const METADATA_REMEDY =
  "put back the folder `meta` of this node from a backup, or start with a new data folder; nothing was changed";

/** A log file as it was found. */
export type ScannedLog = Readonly<{
  header: LogFileHeader;
  /** Where the batches stand, from `header.firstIndex` on. */
  positions: number[];
  /** Behind the last good record: everything from here on is to be cut. */
  endPosition: number;
  size: number;
  /** The newest batch that a record here names as synced. */
  durableIndex: number;
}>;

export function damaged(problem: string): QueueError {
  return new QueueError("CORRUPT_METADATA", `the metadata log is damaged: ${METADATA_REMEDY}. problem=${problem}`);
}

/**
 * Finds the batches of a log file and where it ends: at the first bad record, if no record names a batch from there on
 * as synced. Changes nothing.
 * @throws {QueueError} CORRUPT_METADATA when something durable is damaged, NEWER_FORMAT.
 */
export async function scanLog(file: DiskFile, clusterId: string): Promise<ScannedLog> {
  const window = new ReadWindow(file, await file.size());
  const header = checkedHeader(decodeFileHeader(await window.bytes(0, FILE_HEADER_BYTES)), clusterId);
  const scan = { position: FILE_HEADER_BYTES, positions: [] as number[], durableIndex: 0 };
  while (scan.position < window.size) {
    const expected = header.firstIndex + scan.positions.length;
    const next =
      (await goodRecordAt(window, scan.position, header.incarnation, expected)) ??
      (await passMark(window, scan.position, header.incarnation, expected));
    if (next === undefined) break;
    if (next.isBatch) scan.positions.push(next.position);
    scan.durableIndex = Math.max(scan.durableIndex, next.durableIndex);
    scan.position = next.end;
  }
  const badIndex = header.firstIndex + scan.positions.length;
  const durableIndex = Math.max(scan.durableIndex, await durableBehind(window, scan.position, header.incarnation));
  if (durableIndex >= badIndex) throw damaged(`batch ${badIndex} at byte ${scan.position} of meta/log is bad, but was durable`);
  return { header, positions: scan.positions, endPosition: scan.position, size: window.size, durableIndex };
}

/** @throws {QueueError} CORRUPT_METADATA when batches between the snapshot and the log are missing. */
export function checkAgainstSnapshot(scanned: ScannedLog, snapshotIndex: number): void {
  const { firstIndex } = scanned.header;
  const endIndex = firstIndex + scanned.positions.length;
  if (firstIndex > snapshotIndex + 1) throw damaged(`meta/log begins with batch ${firstIndex}, the newest snapshot holds ${snapshotIndex}`);
  if (endIndex <= snapshotIndex) throw damaged(`meta/log ends with batch ${endIndex - 1}, the newest snapshot holds ${snapshotIndex}`);
}

function checkedHeader(header: LogFileHeader | undefined, clusterId: string): LogFileHeader {
  if (header === undefined) throw damaged("meta/log has no valid header");
  if (header.version > FILE_VERSION)
    throw new QueueError("NEWER_FORMAT", `meta/log was written by newer software: start that version again. version=${header.version}`);
  if (header.clusterId !== clusterId) throw damaged(`meta/log belongs to cluster ${header.clusterId}, the folder to ${clusterId}`);
  return header;
}

type Found = Readonly<{ isBatch: boolean; position: number; end: number; durableIndex: number }>;

async function goodRecordAt(window: ReadWindow, position: number, incarnation: string, expected: number): Promise<Found | undefined> {
  const header = decodeRecordHeader(await window.bytes(position, RECORD_HEADER_BYTES), 0, incarnation);
  if (header === undefined) return undefined;
  const end = position + recordBytes(header.payloadBytes);
  if (header.kind === "mark") return { isBatch: false, position, end, durableIndex: header.durableIndex };
  if (header.index !== expected || end > window.size) return undefined;
  const payload = await window.bytes(position + RECORD_HEADER_BYTES, header.payloadBytes);
  if (payload.byteLength < header.payloadBytes || crc32c(payload) !== header.payloadCrc) return undefined;
  return { isBatch: true, position, end, durableIndex: header.durableIndex };
}

/** A bad record of 64 bytes with the expected batch right behind it was a mark, which carries nothing. */
async function passMark(window: ReadWindow, position: number, incarnation: string, expected: number): Promise<Found | undefined> {
  const next = await goodRecordAt(window, position + RECORD_HEADER_BYTES, incarnation, expected);
  return next?.isBatch === true ? next : undefined;
}

async function durableBehind(window: ReadWindow, from: number, incarnation: string): Promise<number> {
  let durableIndex = 0;
  for (let position = from; position < window.size; position += RECORD_HEADER_BYTES) {
    const header = decodeRecordHeader(await window.bytes(position, RECORD_HEADER_BYTES), 0, incarnation);
    if (header !== undefined) durableIndex = Math.max(durableIndex, header.durableIndex);
  }
  return durableIndex;
}
