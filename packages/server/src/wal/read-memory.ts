import { assert } from "../base/assert.ts";
import type { Hold } from "../model/record-slices.ts";
import { READ_MEMORY_KEPT_BYTES_MAX } from "./limits.ts";

/** 64 KiB. */
const CLASS_BITS_MIN = 16;

/**
 * Shared memory for what is read or copied out of the log, used again and again: fresh memory costs a page fault per 4 KiB
 * and sooner or later a collection. Shared, so that uploads hand it to the store's thread as it is. Sizes are powers of two.
 */
export class ReadMemory {
  readonly #free: Buffer[][] = [];
  #keptBytes = 0;

  /** At least so many bytes, with whatever was in them. What is never given back is collected. */
  take(bytes: number): Buffer {
    const sizeClass = Math.max(CLASS_BITS_MIN, 32 - Math.clz32(bytes - 1));
    const kept = this.#free[sizeClass]?.pop();
    if (kept === undefined) return Buffer.from(new SharedArrayBuffer(2 ** sizeClass));
    this.#keptBytes -= kept.byteLength;
    return kept;
  }

  /** Nobody reads or writes it any more. */
  give(memory: Buffer): void {
    if (this.#keptBytes + memory.byteLength > READ_MEMORY_KEPT_BYTES_MAX) return;
    const sizeClass = 31 - Math.clz32(memory.byteLength);
    (this.#free[sizeClass] ??= []).push(memory);
    this.#keptBytes += memory.byteLength;
  }

  /** Gives all of it back when it is released. */
  hold(memory: readonly Buffer[]): Hold {
    return new MemoryHold(this, memory);
  }
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
