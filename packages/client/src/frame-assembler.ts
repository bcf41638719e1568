import { Buffer } from "node:buffer";
import { ClientError } from "./errors.ts";
import { RESPONSE_BYTES_MAX } from "./limits.ts";

const SIZE_BYTES = 4;

/** A frame whose rest is at least so long is received in its own memory directly. */
const DIRECT_BYTES_MIN = 8 * 1024;

/**
 * Makes frames of a stream of bytes: a size of four bytes, then so many bytes. Each frame gets memory of its own, so
 * that views of it (records) may be kept.
 */
export class FrameAssembler {
  readonly #deliver: (frame: Buffer) => void;
  readonly #size = Buffer.alloc(SIZE_BYTES);
  #sizeFilled = 0;
  #frame: Buffer | undefined;
  #frameFilled = 0;

  constructor(deliver: (frame: Buffer) => void) {
    this.#deliver = deliver;
  }

  /** The missing part of a large frame; undefined: anywhere. */
  target(): Uint8Array | undefined {
    if (this.#frame === undefined || this.#frame.byteLength - this.#frameFilled < DIRECT_BYTES_MIN) return undefined;
    return this.#frame.subarray(this.#frameFilled);
  }

  /**
   * Takes the bytes that arrived, either in the target or in memory that will be used again.
   *
   * @throws {ClientError} MALFORMED_RESPONSE for a size that no answer can have.
   */
  bytes(bytes: Uint8Array): void {
    const frame = this.#frame;
    if (frame !== undefined && bytes.buffer === frame.buffer && bytes.byteOffset === frame.byteOffset + this.#frameFilled) {
      this.#frameFilled += bytes.byteLength;
      return this.#deliverIfWhole(frame);
    }
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < source.byteLength; )
      at += this.#frame === undefined ? this.#takeSize(source, at) : this.#takeBody(this.#frame, source, at);
  }

  #takeSize(source: Buffer, at: number): number {
    const taken = source.copy(this.#size, this.#sizeFilled, at, at + SIZE_BYTES - this.#sizeFilled);
    this.#sizeFilled += taken;
    if (this.#sizeFilled < SIZE_BYTES) return taken;
    const byteCount = this.#size.readInt32BE(0);
    if (byteCount < SIZE_BYTES || byteCount > RESPONSE_BYTES_MAX) {
      throw new ClientError("MALFORMED_RESPONSE", `an answer of ${byteCount} bytes is not plausible. limit=${RESPONSE_BYTES_MAX}`);
    }
    this.#sizeFilled = 0;
    this.#frame = Buffer.allocUnsafeSlow(byteCount);
    this.#frameFilled = 0;
    return taken;
  }

  #takeBody(frame: Buffer, source: Buffer, at: number): number {
    const taken = source.copy(frame, this.#frameFilled, at);
    this.#frameFilled += taken;
    this.#deliverIfWhole(frame);
    return taken;
  }

  #deliverIfWhole(frame: Buffer): void {
    if (this.#frameFilled < frame.byteLength) return;
    this.#frame = undefined;
    this.#deliver(frame);
  }
}
