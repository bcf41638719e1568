import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { CHUNK_BYTES_MAX, CHUNK_BYTES_MIN } from "./limits.ts";

/** The bytes of an object that is put: pieces, often of shared memory, one behind the other. They are not copied, but for small ones. */
export class ObjectBody {
  readonly bytes: number;
  readonly #pieces: readonly Uint8Array[];

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
    this.bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Anew for each use. */
  stream(start = 0, end = this.bytes): Readable {
    return Readable.from(this.chunks(start, end), { objectMode: false, highWaterMark: CHUNK_BYTES_MAX });
  }

  /** Of bytes [start, end). Other work of the thread comes in between. */
  async crc32c(start = 0, end = this.bytes): Promise<number> {
    let sum = 0;
    await this.#eachChunk(start, end, (chunk) => {
      sum = crc32c(chunk, sum);
    });
    return sum;
  }

  /** MD5, for a store that confirms nothing else. No protection against anybody. */
  async md5(): Promise<Buffer> {
    const hash = createHash("md5");
    await this.#eachChunk(0, this.bytes, (chunk) => hash.update(chunk));
    return hash.digest();
  }

  /** Neither so small that each costs a system call, nor so large that one holds up the thread. */
  *chunks(start: number, end: number): Generator<Buffer> {
    let small: Buffer[] = [];
    let smallBytes = 0;
    for (const part of this.#parts(start, end)) {
      const isSmall = part.byteLength < CHUNK_BYTES_MIN;
      if (isSmall) {
        small.push(part);
        smallBytes += part.byteLength;
      }
      if (smallBytes > 0 && (!isSmall || smallBytes >= CHUNK_BYTES_MIN)) {
        yield joined(small, smallBytes);
        small = [];
        smallBytes = 0;
      }
      if (!isSmall) yield part;
    }
    if (smallBytes > 0) yield joined(small, smallBytes);
  }

  async #eachChunk(start: number, end: number, use: (chunk: Buffer) => void): Promise<void> {
    for (const chunk of this.chunks(start, end)) {
      use(chunk);
      if (chunk.byteLength > CHUNK_BYTES_MIN) await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Windows of the pieces within [start, end), none larger than a chunk. */
  *#parts(start: number, end: number): Generator<Buffer> {
    let pieceStart = 0;
    for (const piece of this.#pieces) {
      const from = Math.max(0, start - pieceStart);
      const to = Math.min(piece.byteLength, end - pieceStart);
      for (let at = from; at < to; at += CHUNK_BYTES_MAX) {
        yield Buffer.from(piece.buffer, piece.byteOffset + at, Math.min(CHUNK_BYTES_MAX, to - at));
      }
      pieceStart += piece.byteLength;
      if (pieceStart >= end) return;
    }
  }
}

/** A copy, since `Buffer.concat` and writes of many small buffers cost more than their bytes. */
function joined(parts: readonly Buffer[], bytes: number): Buffer {
  if (parts.length === 1) return parts[0] as Buffer;
  const all = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const part of parts) at += part.copy(all, at);
  return all;
}

/** As the services write a checksum: base64 of four bytes, most significant first. */
export function crcText(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString("base64");
}

/** Undefined when it is no checksum of four bytes (one over parts has a number behind it). */
export function crcOfText(text: string | undefined): number | undefined {
  if (text === undefined || !/^[A-Za-z0-9+/]{6}==$/.test(text)) return undefined;
  return Buffer.from(text, "base64").readUInt32BE();
}
