import type { Clock, Timer } from "../clock.ts";
import type { Random } from "../random.ts";
import { SystemClock } from "../real/system-clock.ts";

type Event = { readonly atMs: number; readonly order: number; readonly run: () => void; isCancelled: boolean };

/** Turns of the real loop after which every promise has certainly had its say. */
const SETTLE_TURNS = 2;

const realLoop = new SystemClock();

/** Steps after which a test that gets nowhere is ended. */
const STEPS_MAX = 2_000_000;

/** Time and chance of a test: nothing waits really, and the same seed gives the same run. */
export class VirtualWorld implements Clock, Random {
  #nowMs = 0;
  #order = 0;
  #events: Event[] = [];
  #state: number;

  constructor(seed = 1) {
    this.#state = (seed * 0x9e3779b1) >>> 0 || 1;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + Math.floor(this.#nowMs);
  }

  after(delayMs: number, run: () => void): Timer {
    const event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, run, isCancelled: false };
    this.#order += 1;
    this.#events.push(event);
    return {
      cancel: () => {
        event.isCancelled = true;
      },
    };
  }

  nextTurn(run: () => void): void {
    this.after(0, run);
  }

  /** Xorshift, 32 bits (G. Marsaglia, 2003). */
  uint32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** Whether something happens that happens so often, 0 to 1. */
  chance(share: number): boolean {
    return this.uint32() < share * 0x1_0000_0000;
  }

  /** Lets time pass until the promise settles. Rejects when nothing is left that could settle it. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    promise.then(
      () => (isSettled = true),
      () => (isSettled = true),
    );
    for (let steps = 0; ; steps += 1) {
      for (let turn = 0; turn < SETTLE_TURNS && !isSettled; turn += 1) await new Promise<void>((resolve) => realLoop.nextTurn(resolve));
      if (isSettled) return promise;
      if (steps > STEPS_MAX || !this.#step()) throw new Error(`stuck at ${this.#nowMs} ms: nothing is left to happen`);
    }
  }

  /** Runs what happens within so many milliseconds. */
  async pass(ms: number): Promise<void> {
    await this.run(new Promise<void>((resolve) => void this.after(ms, resolve)));
  }

  #step(): boolean {
    let next: Event | undefined;
    for (const event of this.#events) {
      if (event.isCancelled) continue;
      if (next === undefined || event.atMs < next.atMs || (event.atMs === next.atMs && event.order < next.order)) next = event;
    }
    if (next === undefined) return false;
    const ran = next;
    this.#events = this.#events.filter((event) => event !== ran && !event.isCancelled);
    this.#nowMs = Math.max(this.#nowMs, ran.atMs);
    ran.run();
    return true;
  }
}
