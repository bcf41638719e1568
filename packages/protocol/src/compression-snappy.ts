import { Buffer } from "node:buffer";
import snappy from "snappy";
import { ByteReader } from "./byte-reader.ts";
import { SNAPPY_RATIO_MAX } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

/*
 * Kafka's snappy is the framing of snappy-java ("xerial"): 16 bytes of header, then blocks, each an int32 length and a raw
 * snappy block. Some clients (librdkafka among them) write one raw block without framing, so that is read as well.
 *
 *   0  0x82 "SNAPPY" 0x00     8  version int32 (1)     12  lowest compatible version int32 (1)
 */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const HEADER = Buffer.concat([MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])]);

/** Uncompressed bytes of one block, as snappy-java cuts them. */
const BLOCK_BYTES = 32 * 1024;

/** In xerial framing, which every client reads. */
export function compressSnappy(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [HEADER];
  for (let start = 0; start < bytes.byteLength; start += BLOCK_BYTES) {
    const block = snappy.compressSync(bytes.subarray(start, start + BLOCK_BYTES));
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(block.byteLength);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

/** Framed or raw. A block says how large it will be, so too large a one is refused before anything is allocated. */
export function decompressSnappy(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (!isFramed(bytes)) return decompressBlock(bytes, bytesMax);
  const parts: Uint8Array[] = [];
  let sum = 0;
  for (let at = HEADER.byteLength; at < bytes.byteLength; ) {
    const block = blockAt(bytes, at);
    const part = decompressBlock(block, bytesMax - sum);
    sum += part.byteLength;
    parts.push(part);
    at += 4 + block.byteLength;
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts, sum);
}

function isFramed(bytes: Uint8Array): boolean {
  return bytes.byteLength >= HEADER.byteLength && MAGIC.equals(bytes.subarray(0, MAGIC.byteLength));
}

function blockAt(bytes: Uint8Array, at: number): Uint8Array {
  const rest = bytes.byteLength - at - 4;
  if (rest < 0) throw corrupt("cut off");
  const length = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getInt32(0);
  if (length < 0 || length > rest) throw corrupt("a block is longer than the rest");
  return bytes.subarray(at + 4, at + 4 + length);
}

function decompressBlock(block: Uint8Array, bytesMax: number): Uint8Array {
  const claimed = claimedBytes(block);
  if (claimed > bytesMax)
    throw new ProtocolError("TOO_LARGE", `decompressed data too large. codec=snappy bytes=${claimed} bytesMax=${bytesMax}`);
  // The format cannot shrink data further than this, so a larger claim is a lie that would only cost memory.
  if (claimed > block.byteLength * SNAPPY_RATIO_MAX) throw corrupt("the claimed size is impossible");
  try {
    return snappy.uncompressSync(block, { asBuffer: true }) as Buffer;
  } catch (cause) {
    throw corrupt("bad block", cause);
  }
}

/** A raw block begins with its uncompressed size. */
function claimedBytes(block: Uint8Array): number {
  try {
    return new ByteReader(block).uvarint();
  } catch (cause) {
    throw corrupt("no size", cause);
  }
}

function corrupt(problem: string, cause?: unknown): ProtocolError {
  return new ProtocolError("CORRUPT", `corrupt compressed data. codec=snappy problem=${problem}`, { cause });
}
