import { CANCELLED_SWEPT_MIN } from "./limits.ts";

/** Something that happens at a virtual time. */
export class SimEvent {
  readonly atMs: number;
  readonly sequence: number;
  run: (() => void) | undefined;

  constructor(atMs: number, sequence: number, run: () => void) {
    this.atMs = atMs;
    this.sequence = sequence;
    this.run = run;
  }

  /** No effect once it ran. The event stays in the queue for a while and does nothing. */
  cancel(): void {
    this.run = undefined;
  }
}

/**
 * Binary heap by time, then by order of arrival. Most events are timers of calls that are answered long before: whenever the heap has doubled, those that were
 * cancelled are thrown out.
 */
export class EventQueue {
  #heap: SimEvent[] = [];
  #sweepAt = CANCELLED_SWEPT_MIN;

  get size(): number {
    return this.#heap.length;
  }

  peek(): SimEvent | undefined {
    return this.#heap[0];
  }

  push(event: SimEvent): void {
    if (this.#heap.length >= this.#sweepAt) this.#sweep();
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as SimEvent;
      if (isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  pop(): SimEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first !== undefined && last !== undefined && first !== last) this.#sink(last, 0);
    return first;
  }

  #sweep(): void {
    this.#heap = this.#heap.filter((event) => event.run !== undefined);
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at -= 1) this.#sink(this.#heap[at] as SimEvent, at);
    this.#sweepAt = Math.max(CANCELLED_SWEPT_MIN, 2 * this.#heap.length);
  }

  /** Puts it at `from` or below. */
  #sink(event: SimEvent, from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as SimEvent, heap[child] as SimEvent)) child += 1;
      const below = heap[child] as SimEvent;
      if (isBefore(event, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = event;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
