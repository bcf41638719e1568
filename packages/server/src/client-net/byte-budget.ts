import { assert } from "../base/assert.ts";

/** A connection that waits until there is room for its bytes. */
export interface RoomWaiter {
  /** Room there is: the waiter goes on in a later turn and asks again. */
  roomFreed(): void;
}

/** A count of bytes with a maximum that is watched by those who ask for room. */
export class ByteCount {
  readonly bytesMax: number;
  #used = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
  }

  get room(): number {
    return Math.max(this.bytesMax - this.#used, 0);
  }

  claim(bytes: number): void {
    this.#used += bytes;
  }

  release(bytes: number): void {
    this.#used -= bytes;
    assert(this.#used >= 0, "more bytes were released than claimed");
  }
}

/**
 * Buffers of frames that arrive, of the whole broker.
 *
 * What is claimed counts at once, even beyond the maximum; what is held back is *more* of it. When it is full, one waiter
 * at a time is allowed beyond it: half a frame of everybody would otherwise wait for ever.
 */
export class ByteBudget {
  readonly #count: ByteCount;
  /** In order of arrival. */
  readonly #waiting = new Set<RoomWaiter>();
  #favoured: RoomWaiter | undefined;

  constructor(bytesMax: number) {
    this.#count = new ByteCount(bytesMax);
  }

  get used(): number {
    return this.#count.used;
  }

  get bytesMax(): number {
    return this.#count.bytesMax;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  claim(bytes: number): void {
    this.#count.claim(bytes);
  }

  release(bytes: number): void {
    this.#count.release(bytes);
    if (this.#waiting.size > 0) this.#wake();
  }

  /** Whether the waiter may go on; if not it is told later. */
  admit(waiter: RoomWaiter): boolean {
    if (this.#count.room > 0 || this.#favoured === waiter) return true;
    if (this.#favoured === undefined) {
      this.#favoured = waiter;
      return true;
    }
    this.#waiting.add(waiter);
    return false;
  }

  /** The waiter holds no bytes any more. */
  settle(waiter: RoomWaiter): void {
    if (this.#favoured !== waiter) return;
    this.#favoured = undefined;
    this.#wake();
  }

  /** The waiter is gone. */
  leave(waiter: RoomWaiter): void {
    this.#waiting.delete(waiter);
    if (this.#favoured === waiter) this.#favoured = undefined;
    this.#wake();
  }

  /** All while there is room (those for whom it does not last queue again), one when nobody is favoured. */
  #wake(): void {
    for (const waiter of this.#waiting) {
      const hasRoom = this.#count.room > 0;
      if (!hasRoom && this.#favoured !== undefined) return;
      this.#waiting.delete(waiter);
      waiter.roomFreed();
      if (!hasRoom) return;
    }
  }
}
