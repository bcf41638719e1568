import { performance } from "node:perf_hooks";
import type { Clock, Timer } from "../clock.ts";

/** Longest delay of a Node timer, 2^31 - 1 ms; longer ones are served in steps. */
const DELAY_MS_MAX = 2 ** 31 - 1;

/** The machine's time and the turns of this thread's event loop. Timers keep the process alive. */
export class RealClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): Timer {
    return new RealTimer(delayMs, run);
  }

  nextTurn(run: () => void): void {
    setImmediate(run);
  }
}

class RealTimer implements Timer {
  #handle: NodeJS.Timeout;

  constructor(delayMs: number, run: () => void) {
    this.#handle = this.#start(delayMs, run);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #start(delayMs: number, run: () => void): NodeJS.Timeout {
    if (delayMs <= DELAY_MS_MAX) return setTimeout(run, delayMs);
    return setTimeout(() => {
      this.#handle = this.#start(delayMs - DELAY_MS_MAX, run);
    }, DELAY_MS_MAX);
  }
}
