import { PEER_POOLED_BYTES_MAX, PEER_POOLED_MESSAGE_BYTES_MIN } from "./limits.ts";

/**
 * Memory for messages that come in pieces, of readers that keep nothing of them. New memory for each would be touched for the first time at every
 * message, and the collector of the whole heap would run for it many times a second. Sizes are powers of two.
 */
export class MessagePool {
  readonly #free: Buffer[][] = [];
  #pooledBytes = 0;

  get pooledBytes(): number {
    return this.#pooledBytes;
  }

  /** At least so many bytes, with whatever was in them. */
  take(bytesMin: number): Buffer {
    const sizeClass = classOf(bytesMin);
    const pooled = this.#free[sizeClass]?.pop();
    if (pooled === undefined) return Buffer.allocUnsafeSlow(2 ** sizeClass);
    this.#pooledBytes -= pooled.length;
    return pooled;
  }

  /** Nobody looks at it any more. */
  give(buffer: Buffer): void {
    if (this.#pooledBytes + buffer.length > PEER_POOLED_BYTES_MAX) return;
    (this.#free[classOf(buffer.length)] ??= []).push(buffer);
    this.#pooledBytes += buffer.length;
  }
}

function classOf(bytes: number): number {
  return 32 - Math.clz32(Math.max(bytes, PEER_POOLED_MESSAGE_BYTES_MIN) - 1);
}
