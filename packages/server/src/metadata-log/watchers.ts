import type { Clock } from "../io/clock.ts";

/** Who waits for a batch at some index. Each is woken once, on a turn of its own. */
export class Watchers {
  readonly #clock: Clock;
  readonly #waiting = new Set<{ readonly index: number; readonly wake: () => void }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** @param exists The batch is there already. */
  add(index: number, wake: () => void, exists: boolean): () => void {
    const entry = { index, wake };
    this.#waiting.add(entry);
    if (exists) this.#wakeSoon(entry);
    return () => this.#waiting.delete(entry);
  }

  /** A batch at this index, and all below, exist. */
  reached(index: number): void {
    for (const entry of this.#waiting) if (entry.index <= index) this.#wakeSoon(entry);
  }

  #wakeSoon(entry: { readonly index: number; readonly wake: () => void }): void {
    this.#clock.nextTurn(() => {
      if (this.#waiting.delete(entry)) entry.wake();
    });
  }
}
