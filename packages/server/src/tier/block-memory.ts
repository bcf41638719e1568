import { assert } from "../base/assert.ts";
import type { Clock } from "../io/clock.ts";
import type { ReadMemory } from "../model/read-memory.ts";
import type { Hold } from "../model/record-slices.ts";

/**
 * Memory that one read filled with blocks. It is given back when the cache has let go of it and no answer uses it any more;
 * and not in that turn yet: who was just told of a block may take hold of it until the turn ends.
 */
export class BlockMemory {
  readonly #owner: ReadMemory;
  readonly #clock: Clock;
  readonly #memory: Buffer;
  #holders = 0;
  #isCached = true;
  #isGiven = false;

  constructor(memory: Buffer, owner: ReadMemory, clock: Clock) {
    this.#memory = memory;
    this.#owner = owner;
    this.#clock = clock;
  }

  /** Somebody uses a part of it, until `release`. */
  retain(): void {
    assert(!this.#isGiven, "memory that was given back is not used");
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    assert(this.#holders >= 0, "memory is released as often as it was retained");
    if (this.#holders === 0 && !this.#isCached) this.#giveLater();
  }

  /** It is not in the cache any more. */
  evicted(): void {
    if (!this.#isCached) return;
    this.#isCached = false;
    if (this.#holders === 0) this.#giveLater();
  }

  #giveLater(): void {
    this.#clock.nextTurn(() => {
      if (this.#holders > 0 || this.#isGiven) return;
      this.#isGiven = true;
      this.#owner.give(this.#memory);
    });
  }
}

/** What one answer uses, each as often as it took something of it. */
export class BlockHold implements Hold {
  #used: BlockMemory[] | undefined;

  constructor(used: BlockMemory[]) {
    this.#used = used;
  }

  release(): void {
    assert(this.#used !== undefined, "a hold is released once");
    for (const memory of this.#used) memory.release();
    this.#used = undefined;
  }

  /** Nobody waits for it: reads take other memory. */
  whenWanted(): void {}
}
