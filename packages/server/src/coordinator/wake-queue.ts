type Wake = Readonly<{ atMs: number; groupId: string }>;

/** Which group has to be looked at when: a binary heap, earliest first. What was overtaken stays in it until its time, or until `keepOnly`. */
export class WakeQueue {
  readonly #heap: Wake[] = [];

  /** Infinity: nothing. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Takes the others out. */
  keepOnly(isWanted: (wake: Wake) => boolean): void {
    // What is sorted is a heap.
    const wanted = this.#heap.filter(isWanted).sort((a, b) => a.atMs - b.atMs);
    this.#heap.length = 0;
    for (const wake of wanted) this.#heap.push(wake);
  }

  push(atMs: number, groupId: string): void {
    const heap = this.#heap;
    const wake = { atMs, groupId };
    let at = heap.length;
    heap.push(wake);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Wake;
      if (parent.atMs <= atMs) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = wake;
  }

  /** The earliest that is due. */
  popDue(nowMs: number): Wake | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    const last = heap.pop() as Wake;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(wake: Wake): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below + 1 < heap.length && (heap[below + 1] as Wake).atMs < (heap[below] as Wake).atMs) below += 1;
      const child = heap[below];
      if (child === undefined || child.atMs >= wake.atMs) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = wake;
  }
}
