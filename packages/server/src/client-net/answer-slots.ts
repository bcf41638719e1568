/**
 * The answers of pipelined requests in the order of the requests: where each ends in the stream of answers, and whether
 * it may be sent. A ring of numbers, no object for a request.
 */
export class AnswerSlots {
  #ends = new Float64Array(8);
  #done = new Uint8Array(8);
  #head = 0;
  #tail = 0;

  /** Slots that wait, for their own completion or for one before them. */
  get count(): number {
    return this.#tail - this.#head;
  }

  /** The next answer, which ends at this position. */
  open(end: number): number {
    const slot = this.#tail;
    if (this.count === this.#ends.length) this.#grow();
    const at = slot & (this.#ends.length - 1);
    this.#ends[at] = end;
    this.#done[at] = 0;
    this.#tail += 1;
    return slot;
  }

  /** The answer may be sent. Returns the position below which all may be, or −1 when one before it is not ready. */
  finish(slot: number): number {
    const mask = this.#ends.length - 1;
    this.#done[slot & mask] = 1;
    if (slot !== this.#head) return -1;
    let head = slot;
    let readyEnd = -1;
    for (; head < this.#tail && this.#done[head & mask] === 1; head += 1) readyEnd = this.#ends[head & mask] as number;
    this.#head = head;
    return readyEnd;
  }

  #grow(): void {
    const oldMask = this.#ends.length - 1;
    const ends = new Float64Array(this.#ends.length * 2);
    const done = new Uint8Array(ends.length);
    for (let slot = this.#head; slot < this.#tail; slot += 1) {
      ends[slot & (ends.length - 1)] = this.#ends[slot & oldMask] as number;
      done[slot & (ends.length - 1)] = this.#done[slot & oldMask] as number;
    }
    this.#ends = ends;
    this.#done = done;
  }
}
