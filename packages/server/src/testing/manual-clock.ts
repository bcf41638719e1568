import type { Clock, Timer } from "../io/clock.ts";

type Entry = { atMs: number; readonly run: () => void; isCancelled: boolean };

/** A clock that stands still until a test moves it. For tests of one part; whole programs run in a `SimWorld`. */
export class ManualClock implements Clock {
  nowMs = 0;
  readonly wallStartMs = 1_767_225_600_000;
  #timers: Entry[] = [];
  #turns: (() => void)[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.wallStartMs + Math.floor(this.nowMs);
  }

  after(delayMs: number, run: () => void): Timer {
    const entry: Entry = { atMs: this.nowMs + delayMs, run, isCancelled: false };
    this.#timers.push(entry);
    return {
      cancel: () => {
        entry.isCancelled = true;
      },
    };
  }

  nextTurn(run: () => void): void {
    this.#turns.push(run);
  }

  /** Turns that were asked for, and those that they ask for. */
  turns(): void {
    while (this.#turns.length > 0) {
      const turns = this.#turns;
      this.#turns = [];
      for (const run of turns) run();
    }
  }

  /** Time passes, timer by timer, each with its turns. */
  advance(byMs: number): void {
    const endMs = this.nowMs + byMs;
    this.turns();
    for (;;) {
      this.#timers = this.#timers.filter((timer) => !timer.isCancelled);
      const due = this.#timers.filter((timer) => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.run();
      this.turns();
    }
    this.nowMs = endMs;
  }

  get timers(): number {
    return this.#timers.filter((timer) => !timer.isCancelled).length;
  }
}
