import { must } from "../base/assert.ts";
import type { Clock } from "../io/clock.ts";

/** What is left of work in steps: more of it, or what takes long and should begin a turn. */
export type Pause = "more" | "turn";

/** Work that can be put down between any two of its steps. A step takes a small part of a turn, also when its code runs for the first time. */
export type Steps<T = void> = Generator<Pause, T, undefined>;

/** All of them at once. */
export function takeAll<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Ends a step when so much has been done in it: to look at the time costs more than what one unit of work takes. */
export class StepLength {
  readonly #units: number;
  #done = 0;

  constructor(units: number) {
    this.#units = units;
  }

  /** @returns whether the step is long enough with these; then the next one begins. */
  add(units: number): boolean {
    this.#done += units;
    if (this.#done < this.#units) return false;
    this.#done = 0;
    return true;
  }
}

type Work = Readonly<{ run: () => void; cost: number | undefined }> | Readonly<{ steps: Steps }>;

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
    if (isLarge || !this.#hasRoom) return this.#putOff({ run, cost }, owner);
    this.#spend({ run, cost });
  }

  /**
   * Work of any length, of which each turn does as much as its share has milliseconds left, at least one step. It keeps its place: what comes from the same
   * owner runs when all of it is done.
   */
  take(steps: Steps, owner = ""): void {
    const work = { steps };
    if (!this.#hasRoom) return this.#putOff(work, owner);
    while (this.#spend(work)) if (this.#spent >= this.#most) return this.#putBack(work, owner);
  }

  get #hasRoom(): boolean {
    return this.#waiting.size === 0 && this.#spent < this.#most;
  }

  #putOff(work: Work, owner: string): void {
    this.putOff += 1;
    const works = this.#waiting.get(owner);
    if (works === undefined) this.#waiting.set(owner, [work]);
    else works.push(work);
    this.#arm();
  }

  /** Nothing of the same owner overtakes what has begun. */
  #putBack(work: Work, owner: string): void {
    const works = this.#waiting.get(owner);
    if (works === undefined) this.#waiting.set(owner, [work]);
    else works.unshift(work);
    this.#arm();
  }

  /** @returns whether there is more of it. */
  #spend(work: Work): boolean {
    const startMs = this.#clock.monotonicMs();
    let left: Pause | undefined;
    if ("steps" in work) left = work.steps.next().value ?? undefined;
    else work.run();
    const cost = "cost" in work ? work.cost : undefined;
    this.#spent += cost ?? this.#clock.monotonicMs() - startMs;
    if (left === "turn") this.#spent = Math.max(this.#spent, this.#most);
    this.#arm();
    return left !== undefined;
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
    while (this.#waiting.size > 0 && this.#spent < this.#most) this.#next();
  }

  #next(): void {
    const [owner, works] = must(this.#waiting.entries().next().value, "an owner whose work waits");
    const work = must(works.shift(), "work that waits");
    this.#waiting.delete(owner);
    if (works.length > 0) this.#waiting.set(owner, works);
    if (this.#spend(work)) this.#putBack(work, owner);
  }
}
