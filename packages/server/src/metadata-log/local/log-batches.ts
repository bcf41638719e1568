import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { must } from "../../base/assert.ts";
import type { DiskFile } from "../../io/disk.ts";
import type { LogEntry } from "../metadata-log.ts";
import { damaged } from "./log-scan.ts";
import { decodeRecordHeader, RECORD_HEADER_BYTES } from "./record-codec.ts";

/** Where the batches of an open log file stand. */
export type LogBatches = Readonly<{
  file: DiskFile;
  incarnation: string;
  firstIndex: number;
  /** Of the batches from `firstIndex` on. */
  positions: readonly number[];
  endPosition: number;
}>;

/** Batches from `from` on, at least one, together at most so many bytes. @throws {QueueError} CORRUPT_METADATA */
export async function readBatches(log: LogBatches, from: number, bytesMax: number): Promise<LogEntry[]> {
  const endIndex = log.firstIndex + log.positions.length;
  const start = positionOf(log, from);
  let to = from + 1;
  while (to < endIndex && positionOf(log, to + 1) - start <= bytesMax) to += 1;
  const bytes = Buffer.alloc(positionOf(log, to) - start);
  if ((await log.file.read(start, bytes)) < bytes.byteLength) throw damaged("meta/log became shorter while it was open");
  const entries: LogEntry[] = [];
  for (let index = from; index < to; index += 1) entries.push(entryAt(log, bytes, positionOf(log, index) - start, index));
  return entries;
}

function entryAt({ incarnation }: LogBatches, bytes: Buffer, at: number, index: number): LogEntry {
  const header = decodeRecordHeader(bytes, at, incarnation);
  if (header?.kind !== "batch" || header.index !== index) throw damaged(`batch ${index} of meta/log is not where it was written`);
  const start = at + RECORD_HEADER_BYTES;
  const payload = bytes.subarray(start, start + header.payloadBytes);
  if (crc32c(payload) !== header.payloadCrc) throw damaged(`batch ${index} of meta/log does not match its checksum`);
  return { index, nonce: header.nonce, payload };
}

/** Of a batch, or of the end for the index behind the last. */
function positionOf({ positions, firstIndex, endPosition }: LogBatches, index: number): number {
  return index === firstIndex + positions.length ? endPosition : must(positions[index - firstIndex], `batch ${index}`);
}
