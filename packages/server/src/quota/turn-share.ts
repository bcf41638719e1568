import { must } from "../base/assert.ts";
import type { Clock } from "../io/clock.ts";

/** Work of one kind may take so much of a turn of the loop; what comes beyond it runs in the next turns, in order. */
export class TurnShare {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #waiting: Readonly<{ work: () => void; cost: number | undefined }>[] = [];
  #spent = 0;
  #isArmed = false;
  readonly #before: () => void;
  /** Work that had to wait for another turn, since the start. */
  putOff = 0;

  /**
   * @param most Of one turn: milliseconds, or what the costs are counted in.
   * @param before Goes first in each turn that has such work: what others wait for.
   */
  constructor(clock: Clock, most: number, before: () => void = () => {}) {
    this.#clock = clock;
    this.#most = most;
    this.#before = before;
  }

  /**
   * At once, when this turn has something left and nobody waits; what costs more than half of a turn waits for the next, since nobody knows what this one did
   * before. @param cost Not said: the milliseconds that it takes.
   */
  run(work: () => void, cost?: number): void {
    const isLarge = cost !== undefined && cost > this.#most / 2;
    if (!isLarge && this.#waiting.length === 0 && this.#spent < this.#most) return this.#spend(work, cost);
    this.putOff += 1;
    this.#waiting.push({ work, cost });
    this.#arm();
  }

  #spend(work: () => void, cost: number | undefined): void {
    const startMs = this.#clock.monotonicMs();
    work();
    this.#spent += cost ?? this.#clock.monotonicMs() - startMs;
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.nextTurn(() => this.#turn());
  }

  #turn(): void {
    this.#isArmed = false;
    this.#spent = 0;
    if (this.#waiting.length > 0) this.#before();
    let done = 0;
    for (; done < this.#waiting.length && this.#spent < this.#most; done += 1) {
      const { work, cost } = must(this.#waiting[done], "work that waits");
      this.#spend(work, cost);
    }
    this.#waiting.splice(0, done);
  }
}
