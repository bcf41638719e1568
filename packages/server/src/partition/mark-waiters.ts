/** Is told once, when the high watermark reaches the end that it waits for. */
export interface MarkWaiter {
  /** `failure` is a Kafka error number, 0 when everything below `endOffset` is committed. */
  reached(endOffset: number, failure: number): void;
}

/**
 * Who waits for the high watermark, by offset. Producers arrive in the order of their offsets, so this is a queue;
 * only the retry of a batch that is not committed yet is inserted further forward.
 */
export class MarkWaiters {
  #ends: number[] = [];
  #waiters: MarkWaiter[] = [];
  #head = 0;

  get count(): number {
    return this.#ends.length - this.#head;
  }

  add(endOffset: number, waiter: MarkWaiter): void {
    let at = this.#ends.length;
    while (at > this.#head && (this.#ends[at - 1] ?? 0) > endOffset) at -= 1;
    if (at === this.#ends.length) {
      this.#ends.push(endOffset);
      this.#waiters.push(waiter);
      return;
    }
    this.#ends.splice(at, 0, endOffset);
    this.#waiters.splice(at, 0, waiter);
  }

  /** Tells everyone who waits for an end at or below the mark; with a failure, 0 when there is none. */
  reach(highWatermark: number, failure: number): void {
    while (this.#head < this.#ends.length) {
      const end = this.#ends[this.#head] ?? 0;
      if (end > highWatermark) break;
      const waiter = this.#waiters[this.#head];
      this.#head += 1;
      waiter?.reached(end, failure);
    }
    this.#compact();
  }

  /** The partition is led here no longer: nobody will learn more from here. */
  failAll(failure: number): void {
    const ends = this.#ends.slice(this.#head);
    const waiters = this.#waiters.slice(this.#head);
    this.#ends = [];
    this.#waiters = [];
    this.#head = 0;
    for (const [i, waiter] of waiters.entries()) waiter.reached(ends[i] ?? 0, failure);
  }

  #compact(): void {
    if (this.#head === this.#ends.length) {
      this.#ends.length = 0;
      this.#waiters.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#ends.length) {
      this.#ends.splice(0, this.#head);
      this.#waiters.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
