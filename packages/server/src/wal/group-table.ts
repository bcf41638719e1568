/** Groups of one incarnation by number: where they begin, and the offsets counter of their headers. Typed arrays: there may be a million. */
export class GroupTable {
  readonly first: number;
  #last: number;
  /** Position ÷ 4096; 0: not found, or not right. */
  #blocks = new Uint32Array(64);
  #offsets = new Float64Array(64);

  /** @param first No group of the incarnation has a lower number. */
  constructor(first: number) {
    this.first = first;
    this.#last = first - 1;
  }

  /** The highest number noted; `first` − 1: none. */
  get last(): number {
    return this.#last;
  }

  /** @param block 0 when only the header is right. */
  set(number: number, block: number, offsets: number): void {
    const i = number - this.first;
    if (i >= this.#blocks.length) this.#grow(i);
    this.#blocks[i] = block;
    this.#offsets[i] = offsets;
    this.#last = Math.max(this.#last, number);
  }

  /** 0: not here. */
  block(number: number): number {
    return number < this.first || number > this.#last ? 0 : (this.#blocks[number - this.first] as number);
  }

  /** The counter in the group's header, or −1 when no header was found. */
  offsets(number: number): number {
    if (number < this.first || number > this.#last) return -1;
    const i = number - this.first;
    return this.#blocks[i] === 0 && this.#offsets[i] === 0 ? -1 : (this.#offsets[i] as number);
  }

  #grow(i: number): void {
    const capacity = Math.max(i + 1, this.#blocks.length * 2);
    const positions = new Uint32Array(capacity);
    positions.set(this.#blocks);
    this.#blocks = positions;
    const offsets = new Float64Array(capacity);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
  }
}
