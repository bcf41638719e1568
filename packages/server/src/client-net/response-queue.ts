import { Buffer } from "node:buffer";
import type { ByteCount } from "./byte-budget.ts";
import { RESPONSE_CHUNK_BYTES, RESPONSE_CHUNKS_POOLED_MAX } from "./limits.ts";

/** Free chunks of all connections. */
export class ChunkPool {
  readonly #budget: ByteCount;
  readonly #free: Buffer[] = [];

  constructor(budget: ByteCount) {
    this.#budget = budget;
  }

  take(bytesMin: number): Buffer {
    const pooled = bytesMin <= RESPONSE_CHUNK_BYTES ? this.#free.pop() : undefined;
    const chunk = pooled ?? Buffer.allocUnsafeSlow(Math.max(bytesMin, RESPONSE_CHUNK_BYTES));
    this.#budget.claim(chunk.byteLength);
    return chunk;
  }

  give(chunk: Buffer): void {
    this.#budget.release(chunk.byteLength);
    if (chunk.byteLength === RESPONSE_CHUNK_BYTES && this.#free.length < RESPONSE_CHUNKS_POOLED_MAX) this.#free.push(chunk);
  }
}

/** Bytes [from, to) of `bytes` are still to be sent. `chunk`: they belong to the pool. */
type Segment = { readonly bytes: Buffer | Uint8Array; from: number; readonly to: number; readonly chunk: boolean };

const NO_CHUNK = Buffer.alloc(0);

/**
 * The answers of one connection as one stream of bytes, in order. Small ones are written into pooled chunks, the records
 * of large ones are referenced. Positions count all bytes ever appended, so an answer may wait here, complete but for a
 * few bytes that are patched in place, while earlier ones are sent.
 */
export class ResponseQueue {
  readonly #pool: ChunkPool;
  /** Write here, from `at` on, after `reserve`; then `advance`. */
  chunk: Buffer = NO_CHUNK;
  at = 0;
  #chunkFrom = 0;
  readonly #segments: Segment[] = [];
  /** Chunks that are sent as a whole, but perhaps not yet drained. */
  readonly #sent: Buffer[] = [];
  #end = 0;
  #takenEnd = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Position behind the last byte appended. */
  get end(): number {
    return this.#end;
  }

  /** Bytes appended and not taken. */
  get bytes(): number {
    return this.#end - this.#takenEnd;
  }

  /** Makes room for so many bytes in one piece at `chunk[at]`. */
  reserve(bytes: number): void {
    if (this.chunk.byteLength - this.at < bytes) this.#nextChunk(bytes);
  }

  /** So many bytes were written at `chunk[at]`. */
  advance(bytes: number): void {
    this.at += bytes;
    this.#end += bytes;
  }

  /** Copies. */
  append(bytes: Uint8Array): void {
    const source = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let from = 0; from < source.byteLength; ) {
      if (this.at === this.chunk.byteLength) this.#nextChunk(1);
      const copied = source.copy(this.chunk, this.at, from);
      this.advance(copied);
      from += copied;
    }
  }

  /** References: the bytes must not change until they are drained. */
  appendShared(bytes: Uint8Array): void {
    this.#sealChunk();
    this.#segments.push({ bytes, from: 0, to: bytes.byteLength, chunk: false });
    this.#end += bytes.byteLength;
  }

  /** Takes everything below `end` as pieces for one write. */
  take(end: number): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let left = end - this.#takenEnd;
    this.#takenEnd = end;
    for (let segment = this.#segments[0]; left > 0 && segment !== undefined; segment = this.#segments[0]) {
      const size = Math.min(left, segment.to - segment.from);
      pieces.push(segment.bytes.subarray(segment.from, segment.from + size));
      segment.from += size;
      left -= size;
      if (segment.from < segment.to) break;
      this.#segments.shift();
      if (segment.chunk) this.#sent.push(segment.bytes as Buffer);
    }
    if (left > 0) {
      pieces.push(this.chunk.subarray(this.#chunkFrom, this.#chunkFrom + left));
      this.#chunkFrom += left;
    }
    return pieces;
  }

  /** Everything that was taken is with the kernel: its chunks are free again. */
  drained(): void {
    for (const chunk of this.#sent) this.#pool.give(chunk);
    this.#sent.length = 0;
    if (this.#chunkFrom === this.at && this.chunk !== NO_CHUNK) {
      this.#pool.give(this.chunk);
      this.chunk = NO_CHUNK;
      this.at = 0;
      this.#chunkFrom = 0;
    }
  }

  /** The connection is gone. */
  clear(): void {
    for (const segment of this.#segments) if (segment.chunk) this.#sent.push(segment.bytes as Buffer);
    this.#segments.length = 0;
    this.#chunkFrom = this.at;
    this.#takenEnd = this.#end;
    this.drained();
  }

  #nextChunk(bytesMin: number): void {
    this.#sealChunk();
    this.chunk = this.#pool.take(bytesMin);
    this.at = 0;
    this.#chunkFrom = 0;
  }

  #sealChunk(): void {
    if (this.chunk === NO_CHUNK) return;
    if (this.at > this.#chunkFrom) this.#segments.push({ bytes: this.chunk, from: this.#chunkFrom, to: this.at, chunk: true });
    else this.#sent.push(this.chunk);
    this.chunk = NO_CHUNK;
    this.at = 0;
    this.#chunkFrom = 0;
  }
}
