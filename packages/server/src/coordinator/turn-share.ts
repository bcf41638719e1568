import type { Clock } from "../io/clock.ts";
import { TURN_SHARE_MS } from "./limits.ts";

/** Requests about groups may take so much of a turn of the loop; what comes beyond it runs in the next turns, in order. */
export class TurnShare {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #spentMs = 0;
  #isArmed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** At once, when this turn has time left and nobody waits. */
  run(work: () => void): void {
    if (this.#waiting.length > 0 || this.#spentMs >= TURN_SHARE_MS) this.#waiting.push(work);
    else this.#spend(work);
  }

  #spend(work: () => void): void {
    const startMs = this.#clock.monotonicMs();
    work();
    this.#spentMs += this.#clock.monotonicMs() - startMs;
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.nextTurn(() => this.#turn());
  }

  #turn(): void {
    this.#isArmed = false;
    this.#spentMs = 0;
    let done = 0;
    while (done < this.#waiting.length && this.#spentMs < TURN_SHARE_MS) {
      this.#spend(this.#waiting[done] as () => void);
      done += 1;
    }
    this.#waiting.splice(0, done);
  }
}
