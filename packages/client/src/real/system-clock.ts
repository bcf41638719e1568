import type { Clock, Timer } from "../clock.ts";

/** The machine's time. A timer alone keeps the process alive, as any pending work does. */
export class SystemClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): Timer {
    const handle = setTimeout(run, Math.max(0, Math.ceil(delayMs)));
    return { cancel: () => clearTimeout(handle) };
  }

  nextTurn(run: () => void): void {
    setImmediate(run);
  }
}
