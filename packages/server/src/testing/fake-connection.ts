import { Buffer } from "node:buffer";
import { assert, must } from "../base/assert.ts";
import type { Connection, ConnectionReader } from "../io/network.ts";

/** The broker's end of a connection, with the kernel and the peer in the hands of a test. */
export class FakeConnection implements Connection {
  readonly remote = { host: "10.0.0.9", port: 40_000 };
  readonly local = { host: "10.0.0.1", port: 9092 };
  /** Bytes that the kernel takes before `pendingBytes` grows. */
  windowBytes = Number.POSITIVE_INFINITY;
  /** Whether bytes go where the reader wants them; otherwise always into a shared buffer, as a fallback would. */
  usesTargets = true;
  readonly writes: Buffer[] = [];
  isPaused = false;
  isEnded = false;
  isDestroyed = false;
  #reader: ConnectionReader | undefined;
  readonly #shared = Buffer.alloc(64 * 1024);
  #unsent: Uint8Array[] = [];
  pendingBytes = 0;

  start(reader: ConnectionReader): void {
    this.#reader = reader;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  write(pieces: readonly Uint8Array[]): void {
    assert(!this.isEnded, "nothing is written after end()");
    if (this.isDestroyed) return;
    const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    this.#unsent.push(...pieces);
    this.pendingBytes += bytes;
    this.#sendUpTo(this.windowBytes);
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.pendingBytes = 0;
    this.#unsent = [];
  }

  /** What the peer has got, in one piece. */
  get sent(): Buffer {
    return Buffer.concat(this.writes);
  }

  /** The peer sends: as many reads as it takes, each at most `chopBytes`. A paused socket takes nothing; returns what it took. */
  deliver(bytes: Uint8Array, chopBytes: number = Number.POSITIVE_INFINITY): number {
    const reader = must(this.#reader, "a reader");
    let at = 0;
    while (at < bytes.byteLength && !this.isPaused && !this.isDestroyed) {
      const target = (this.usesTargets ? reader.target() : undefined) ?? this.#shared;
      const count = Math.min(target.byteLength, bytes.byteLength - at, chopBytes);
      Buffer.from(bytes.buffer, bytes.byteOffset + at, count).copy(target);
      at += count;
      reader.bytes(target.subarray(0, count));
      this.#shared.fill(0xee); // only valid within the call
    }
    return at;
  }

  /** The peer reads so many bytes. */
  take(bytes: number): void {
    if (this.pendingBytes === 0) return;
    this.#sendUpTo(bytes);
    if (this.pendingBytes === 0) must(this.#reader, "a reader").drained();
  }

  peerEnds(): void {
    must(this.#reader, "a reader").ended();
  }

  closed(reason?: string): void {
    this.isDestroyed = true;
    must(this.#reader, "a reader").closed(reason);
  }

  #sendUpTo(bytesMax: number): void {
    let left = bytesMax;
    const sent: Buffer[] = [];
    while (left > 0 && this.#unsent.length > 0) {
      const [piece] = this.#unsent as [Uint8Array];
      const count = Math.min(left, piece.byteLength);
      sent.push(Buffer.from(piece.slice(0, count)));
      left -= count;
      if (count === piece.byteLength) this.#unsent.shift();
      else this.#unsent[0] = piece.subarray(count);
    }
    const bytes = Buffer.concat(sent);
    this.pendingBytes -= bytes.byteLength;
    if (bytes.byteLength > 0) this.writes.push(bytes);
  }
}
