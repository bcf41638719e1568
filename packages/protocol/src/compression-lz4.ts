import { Buffer } from "node:buffer";
import lz4 from "lz4-napi";
import { ProtocolError } from "./protocol-error.ts";

/*
 * The LZ4 frame format, https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md, little-endian:
 *
 *   magic uint32 · FLG · BD · [content size uint64] · [dictionary id uint32] · header checksum
 *   · blocks { size uint32, top bit: stored uncompressed · bytes · [checksum uint32] } · 0 uint32 · [content checksum uint32]
 *
 * Frames are written here block by block, because Kafka's Java clients read independent blocks only, and lz4-napi's frames link them.
 */
const MAGIC = 0x184d2204;
const FLAG_INDEPENDENT = 0x20;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_DICTIONARY = 0x01;
const STORED_BIT = 0x8000_0000;

/** Version 1, independent blocks, blocks of 64 KiB; the checksum of FLG and BD is constant with them. */
const HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40 | FLAG_INDEPENDENT, 0x40, 0x82]);
const BLOCK_BYTES = 64 * 1024;
const END_MARK = Buffer.alloc(4);

/** One frame of independent blocks of 64 KiB, as Kafka's own producer writes it. */
export function compressLz4(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [HEADER];
  const source = asBuffer(bytes);
  for (let start = 0; start < source.byteLength; start += BLOCK_BYTES) {
    const block = source.subarray(start, start + BLOCK_BYTES);
    const packed = lz4.compressSync(block).subarray(4); // lz4-napi puts the size before the block
    const stored = packed.byteLength >= block.byteLength;
    const size = Buffer.allocUnsafe(4);
    size.writeUInt32LE(stored ? (STORED_BIT | block.byteLength) >>> 0 : packed.byteLength);
    parts.push(size, stored ? block : packed);
  }
  parts.push(END_MARK);
  return Buffer.concat(parts);
}

/** Any frame without a dictionary. Its size is known before anything is decompressed. */
export function decompressLz4(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const source = asBuffer(bytes);
  if (frameBytesMax(source, false) > bytesMax && frameBytesMax(source, true) > bytesMax) {
    throw new ProtocolError("TOO_LARGE", `decompressed data too large. codec=lz4 bytesMax=${bytesMax}`);
  }
  try {
    return lz4.decompressFrameSync(source);
  } catch (cause) {
    throw corrupt("bad frame", cause);
  }
}

/** Largest size that the frame can have when decompressed: from its blocks' sizes alone, or exactly, by walking their sequences. */
function frameBytesMax(frame: Buffer, exact: boolean): number {
  if (frame.byteLength < 11 || frame.readUInt32LE(0) !== MAGIC) throw corrupt("no frame");
  const flags = frame[4] as number;
  const blockCode = ((frame[5] as number) >> 4) & 7;
  if (flags >> 6 !== 1 || blockCode < 4 || (flags & FLAG_DICTIONARY) !== 0)
    throw corrupt("unknown frame version, block size or dictionary");
  const blockBytesMax = 2 ** (8 + 2 * blockCode);
  const checksumBytes = (flags & FLAG_BLOCK_CHECKSUM) !== 0 ? 4 : 0;
  let sum = 0;
  for (let at = 7 + ((flags & FLAG_CONTENT_SIZE) !== 0 ? 8 : 0); ; ) {
    if (at + 4 > frame.byteLength) throw corrupt("cut off");
    const word = frame.readUInt32LE(at);
    if (word === 0) return sum;
    const size = word & 0x7fff_ffff;
    at += 4;
    if (size > blockBytesMax || size + checksumBytes > frame.byteLength - at) throw corrupt("a block is longer than the rest");
    if (word >= STORED_BIT) sum += size;
    else sum += exact ? blockBytes(frame, at, at + size) : Math.min(blockBytesMax, size * 255);
    at += size + checksumBytes;
  }
}

/** Decompressed size of a block: the lengths of all its literals and matches. */
function blockBytes(frame: Buffer, start: number, end: number): number {
  let at = start;
  let sum = 0;
  const extended = (nibble: number): number => {
    let length = nibble;
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; ) {
      if (at >= end) throw corrupt("cut off");
      byte = frame[at++] as number;
      length += byte;
    }
    return length;
  };
  while (at < end) {
    const token = frame[at++] as number;
    const literals = extended(token >> 4);
    at += literals;
    sum += literals;
    if (at >= end) return sum; // the last sequence ends after its literals
    at += 2;
    sum += extended(token & 15) + 4;
  }
  return sum;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function corrupt(problem: string, cause?: unknown): ProtocolError {
  return new ProtocolError("CORRUPT", `corrupt compressed data. codec=lz4 problem=${problem}`, { cause });
}
