import { assert } from "../base/assert.ts";
import { KiB } from "../base/units.ts";
import type { Hold } from "./record-slices.ts";

const STEP_BYTES = 64 * KiB;

/**
 * Shared memory for records that are read from files or objects, used again and again: fresh memory costs a page fault per
 * 4 KiB and sooner or later a collection. Shared, so that other threads fill it or read it as it is. Sizes: at most an
 * eighth is wasted, but for small ones.
 */
export class ReadMemory {
  /** By size. */
  readonly #free = new Map<number, Buffer[]>();
  readonly #keptBytesMax: number;
  #keptBytes = 0;

  /** @param keptBytesMax Kept for the next reads; what is given back beyond it is collected. */
  constructor(keptBytesMax: number) {
    this.#keptBytesMax = keptBytesMax;
  }

  /** At least so many bytes, with whatever was in them. What is never given back is collected. */
  take(bytes: number): Buffer {
    const size = sizeFor(bytes);
    const kept = this.#free.get(size)?.pop();
    if (kept === undefined) return Buffer.from(new SharedArrayBuffer(size));
    this.#keptBytes -= size;
    return kept;
  }

  /** Nobody reads or writes it any more. */
  give(memory: Buffer): void {
    const size = memory.byteLength;
    if (this.#keptBytes + size > this.#keptBytesMax) return;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [memory]);
    else free.push(memory);
    this.#keptBytes += size;
  }

  /** Gives all of it back when it is released. */
  hold(memory: readonly Buffer[]): Hold {
    return new MemoryHold(this, memory);
  }
}

/** The next multiple of an eighth of the power of two below, and of 64 KiB. */
function sizeFor(bytes: number): number {
  const step = Math.max(STEP_BYTES, 2 ** (31 - Math.clz32(bytes - 1)) / 8);
  return Math.ceil(bytes / step) * step;
}

class MemoryHold implements Hold {
  readonly #owner: ReadMemory;
  #memory: readonly Buffer[] | undefined;

  constructor(owner: ReadMemory, memory: readonly Buffer[]) {
    this.#owner = owner;
    this.#memory = memory;
  }

  release(): void {
    assert(this.#memory !== undefined, "a hold is released once");
    for (const each of this.#memory) this.#owner.give(each);
    this.#memory = undefined;
  }

  /** It is nobody else's, so nobody wants it back. */
  whenWanted(): void {}
}
