import type { Clock, Timer } from "../../io/clock.ts";
import { TURN_MS } from "./limits.ts";
import type { SimProcess } from "./process.ts";
import type { SimRandom } from "./random.ts";

/** Wall time at the start of every world: 2026-01-01T00:00:00Z. */
const WALL_START_MS = 1_767_225_600_000;

/** The clock of one process. Monotonic time starts anywhere and has no meaning in another run; the wall may jump. */
export class SimClock implements Clock {
  readonly #process: SimProcess;
  readonly #monotonicOffsetMs: number;
  #wallOffsetMs = 0;
  readonly #turns: SimRandom;
  /** What was given back first goes on first. */
  #nextTurnMs = 0;

  constructor(process: SimProcess) {
    this.#process = process;
    this.#turns = process.random.fork("turns");
    this.#monotonicOffsetMs = process.random.between(0, 1_000_000_000) - process.world.nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicOffsetMs + this.#process.world.nowMs;
  }

  wallMs(): number {
    return Math.floor(WALL_START_MS + this.#wallOffsetMs + this.#process.world.nowMs);
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#process.after(Math.max(TURN_MS, delayMs), run);
  }

  nextTurn(run: () => void): void {
    const { world, name } = this.#process;
    const busyMs = world.busyMs.get(name) ?? 0;
    const turnMs = busyMs > 0 ? this.#turns.between(0, busyMs) : 0;
    this.#nextTurnMs = Math.max(this.#nextTurnMs, world.nowMs + TURN_MS + turnMs);
    this.#process.at(this.#nextTurnMs, run);
  }

  /** Moves the wall clock, forth or back. Monotonic time and timers are not touched. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
}
