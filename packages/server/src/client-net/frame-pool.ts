import { Buffer } from "node:buffer";
import type { ByteBudget } from "./byte-budget.ts";

/** 4 KiB. */
const CLASS_BITS_MIN = 12;

/**
 * Buffers for frames that do not lie whole in the network's shared buffer. Their sizes are powers of two from 4 KiB;
 * each counts against the budget while it is out. Nothing here trusts a length: who calls asks for what has arrived,
 * and for more only step by step.
 */
export class FramePool {
  readonly #budget: ByteBudget;
  readonly #pooledBytesMax: number;
  readonly #free: Buffer[][] = [];
  #pooledBytes = 0;

  constructor(budget: ByteBudget, pooledBytesMax: number) {
    this.#budget = budget;
    this.#pooledBytesMax = pooledBytesMax;
  }

  get pooledBytes(): number {
    return this.#pooledBytes;
  }

  /** A buffer of at least so many bytes, with whatever was in it. */
  take(bytesMin: number): Buffer {
    const size = classBytes(bytesMin);
    this.#budget.claim(size);
    const pooled = this.#free[classOf(size)]?.pop();
    if (pooled === undefined) return Buffer.allocUnsafeSlow(size);
    this.#pooledBytes -= size;
    return pooled;
  }

  /** Nobody reads or writes it any more. */
  give(buffer: Buffer): void {
    const size = buffer.byteLength;
    this.#budget.release(size);
    if (this.#pooledBytes + size > this.#pooledBytesMax) return;
    const sizeClass = classOf(size);
    const free = this.#free[sizeClass] ?? [];
    free.push(buffer);
    this.#free[sizeClass] = free;
    this.#pooledBytes += size;
  }

  /** Someone may still write into it: it is left to the garbage collector. */
  drop(buffer: Buffer): void {
    this.#budget.release(buffer.byteLength);
  }
}

/** The size of the buffer that `take` gives. */
export function classBytes(bytesMin: number): number {
  return 2 ** classOf(bytesMin);
}

function classOf(bytes: number): number {
  return Math.max(CLASS_BITS_MIN, 32 - Math.clz32(bytes - 1));
}
