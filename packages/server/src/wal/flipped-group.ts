import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { ATTRIBUTES_AT, batchCrc } from "@tidemq/protocol/record-batch.ts";
import type { FileScan } from "./file-scan.ts";
import {
  BODY_CRC_AT,
  CONTENT_AT,
  CONTENT_BYTES,
  decodeGroupHeader,
  ENTRY_BYTES,
  EntryKind,
  GROUP_HEADER_BYTES,
  type GroupHeader,
  isDirectoryRight,
  KIND_AT,
  LENGTH_AT,
  POSITION_AT,
} from "./group-codec.ts";
import { BLOCK_BYTES } from "./limits.ts";
import { readAgain } from "./read-again.ts";
import type { WalFiles } from "./wal-files.ts";

/** CRC-32C, least significant bit first. */
const POLYNOMIAL = 0x82f63b78;

/** The group that should begin there. */
type ExpectedGroup = Readonly<{ scan: FileScan; position: number; number: number }>;

/**
 * Whether this group, which is not whole, was written whole: a single bit of it is wrong. A write that was cut off leaves whole sectors as
 * they were; it looks like this once in 2³² ÷ the bits below one checksum, which is once in 500 for a batch of 1 MiB.
 */
export async function isFlipped({ scan, position, number }: ExpectedGroup, { walId, fileBytes }: WalFiles): Promise<boolean> {
  const { file } = scan;
  const read = async (at: number, length: number): Promise<Buffer | undefined> => {
    const bytes = Buffer.allocUnsafe(length);
    return (await readAgain(file, position + at, bytes)) < length ? undefined : bytes;
  };
  const block = await read(0, BLOCK_BYTES);
  if (block === undefined) return false;
  const header = decodeGroupHeader(block, 0, walId, position, fileBytes);
  if (header === undefined) return isHeaderOneBitOff(block, (bytes) => isExpected(decodeGroupHeader(bytes, 0, walId, position, fileBytes)));
  if (!isExpected(header)) return false;
  const directory = await read(header.directoryPosition, header.entryCount * ENTRY_BYTES);
  if (directory === undefined) return false;
  if (!isDirectoryRight(directory, header)) return isOneBitOff(directory, header.directoryCrc);
  for (let at = 0; at < directory.byteLength; at += ENTRY_BYTES) {
    const body = await read(directory.readUInt32BE(at + POSITION_AT), directory.readUInt32BE(at + LENGTH_AT));
    if (body === undefined) return false;
    if (isBodyOneBitOff(body, directory.subarray(at, at + ENTRY_BYTES))) return true;
  }
  return false;

  function isExpected(found: GroupHeader | undefined): boolean {
    return found !== undefined && found.incarnation === scan.incarnation && found.number === number;
  }
}

function isHeaderOneBitOff(block: Buffer, isRight: (bytes: Buffer) => boolean): boolean {
  for (let at = 0; at < GROUP_HEADER_BYTES; at += 1) {
    const byte = block.readUInt8(at);
    for (let bit = 0; bit < 8; bit += 1) {
      block.writeUInt8(byte ^ (1 << bit), at);
      if (isRight(block)) return true;
    }
    block.writeUInt8(byte, at);
  }
  return false;
}

/** The header of a batch stands in its entry, too, and a part of it below no checksum of its own. */
function isBodyOneBitOff(body: Buffer, entry: Buffer): boolean {
  if (entry.readUInt8(KIND_AT) !== EntryKind.append) return body.byteLength > 0 && isOneBitOff(body, entry.readUInt32BE(BODY_CRC_AT));
  let bits = 0;
  for (let at = 0; at < CONTENT_BYTES; at += 1) bits += bitsOf(body.readUInt8(at) ^ entry.readUInt8(CONTENT_AT + at));
  return bits === 1 || (bits === 0 && isOneBitOff(body.subarray(ATTRIBUTES_AT), batchCrc(body, 0)));
}

function bitsOf(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** Whether these bytes had this CRC-32C before one bit of them, or of it, was turned around: what a bit changes depends on its place alone. */
export function isOneBitOff(bytes: Uint8Array, crc: number): boolean {
  const wrong = crc32c(bytes) ^ crc;
  if (wrong === 0) return false;
  if ((wrong & (wrong - 1)) === 0) return true; // of the checksum
  let change = POLYNOMIAL | 0; // by the last bit; then by each one before
  for (let bits = bytes.byteLength * 8; bits > 0; bits -= 1) {
    if (change === wrong) return true;
    change = (change >>> 1) ^ (-(change & 1) & POLYNOMIAL);
  }
  return false;
}
