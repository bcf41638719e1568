import type { Clock } from "../io/clock.ts";

/** Something to do before the loop's turn ends: answer a fetch, start requests that waited, send answers. */
export interface TurnWork {
  turn(): void;
}

/** A fetch that is answered, its connection that sends the answer and starts what waited, and what that brings. */
const PASSES_MAX = 3;

/**
 * Connections with something to do, so that each is visited once per turn of the loop however much happened to it: one
 * socket write for all its answers. Also run at once when a durable group has completed many answers.
 */
export class TurnQueue {
  readonly #clock: Clock;
  #queued: TurnWork[] = [];
  #spare: TurnWork[] | undefined = [];
  #scheduled = false;
  #running = false;
  readonly #run = (): void => {
    this.#scheduled = false;
    this.run();
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The caller sees to it that it is not queued twice. */
  add(work: TurnWork): void {
    this.#queued.push(work);
    if (!this.#running) this.#schedule();
  }

  /** What is added meanwhile runs too, but not for ever: others want the loop. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    for (let pass = 0; pass < PASSES_MAX && this.#queued.length > 0; pass += 1) this.#runQueued();
    this.#running = false;
    if (this.#queued.length > 0) this.#schedule();
  }

  #runQueued(): void {
    const queued = this.#queued;
    this.#queued = this.#spare ?? [];
    this.#spare = undefined;
    for (const work of queued) work.turn();
    queued.length = 0;
    this.#spare = queued;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.nextTurn(this.#run);
  }
}
