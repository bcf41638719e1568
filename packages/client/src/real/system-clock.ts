import type { Clock, Timer } from "../clock.ts";

/** The longest time that Node's timers can hold; a longer one would be over at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's time. A timer alone keeps the process alive, as any pending work does. */
export class SystemClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): Timer {
    const handle = setTimeout(run, Math.min(TIMER_MS_MAX, Math.max(0, Math.ceil(delayMs))));
    return { cancel: () => clearTimeout(handle) };
  }

  nextTurn(run: () => void): void {
    setImmediate(run);
  }
}
