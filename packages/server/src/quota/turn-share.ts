import { must } from "../base/assert.ts";
import type { Clock } from "../io/clock.ts";

type Work = Readonly<{ run: () => void; cost: number | undefined }>;

/**
 * Work of one kind may take so much of a turn of the loop; what comes beyond it runs in the next turns: of each owner one after the other, and of one owner in
 * order, so that nobody with much to do holds up all others.
 */
export class TurnShare {
  readonly #clock: Clock;
  readonly #most: number;
  /** By owner. Whose turn it is stands first. */
  readonly #waiting = new Map<string, Work[]>();
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
   * before.
   * @param cost Not said: the milliseconds that it takes.
   * @param owner Whose work it is; not said: nobody's, who is one owner.
   */
  run(run: () => void, cost?: number, owner = ""): void {
    const isLarge = cost !== undefined && cost > this.#most / 2;
    if (!isLarge && this.#waiting.size === 0 && this.#spent < this.#most) return this.#spend({ run, cost });
    this.putOff += 1;
    const works = this.#waiting.get(owner);
    if (works === undefined) this.#waiting.set(owner, [{ run, cost }]);
    else works.push({ run, cost });
    this.#arm();
  }

  #spend({ run, cost }: Work): void {
    const startMs = this.#clock.monotonicMs();
    run();
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
    if (this.#waiting.size > 0) this.#before();
    while (this.#waiting.size > 0 && this.#spent < this.#most) this.#spend(this.#next());
  }

  #next(): Work {
    const [owner, works] = must(this.#waiting.entries().next().value, "an owner whose work waits");
    const work = must(works.shift(), "work that waits");
    this.#waiting.delete(owner);
    if (works.length > 0) this.#waiting.set(owner, works);
    return work;
  }
}
