import { assert } from "../../base/assert.ts";
import { EventQueue, SimEvent } from "./event-queue.ts";
import { EVENTS_AT_ONE_TIME_MAX, TURNS_PER_IMMEDIATE } from "./limits.ts";
import { SimProcess } from "./process.ts";
import { SimRandom } from "./random.ts";
import { Trace } from "./trace.ts";

/**
 * Virtual time and everything that is going to happen in it. Each event runs as a macrotask of its own: all promises
 * that it settled have run on before the next event begins. Nothing in a world may wait for real I/O.
 *
 *     const world = new SimWorld(7);
 *     const process = world.startProcess("broker-1");
 *     … build parts from process.clock, process.random, new SimDisk(world, "disk").mount(process) …
 *     await world.run(10_000);
 */
export class SimWorld {
  readonly seed: number;
  readonly random: SimRandom;
  readonly trace = new Trace();
  /** By the name of a machine that has too much to do: what gives the loop back waits up to so many milliseconds for its next turn. */
  readonly busyMs = new Map<string, number>();
  readonly #queue = new EventQueue();
  #nowMs = 0;
  #sequence = 0;
  #eventsRun = 0;
  #eventsAtThisTime = 0;
  #processes = 0;
  #running = false;

  constructor(seed: number) {
    this.seed = seed;
    this.random = new SimRandom(seed);
  }

  /** Virtual milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get eventsRun(): number {
    return this.#eventsRun;
  }

  /** Something outside of every process: a fault, a device, the end of a scenario. */
  after(delayMs: number, run: () => void): SimEvent {
    return this.at(this.#nowMs + Math.max(0, delayMs), run);
  }

  /** Events of the same time happen in the order of these calls. */
  at(atMs: number, run: () => void): SimEvent {
    assert(atMs >= this.#nowMs, "nothing happens in the past");
    const event = new SimEvent(atMs, this.#sequence++, run);
    this.#queue.push(event);
    return event;
  }

  /** One run of a program on the machine `name`, until `crash()`. */
  startProcess(name: string): SimProcess {
    this.#processes += 1;
    return new SimProcess(this, name, this.#processes);
  }

  /**
   * Runs every event that is due by `untilMs`; the time is then `untilMs`. Ends early when `done` says so (asked after
   * each event and the promises it settled). Rejects with what an event or a promise of the program threw.
   */
  run(untilMs: number, done?: () => boolean): Promise<void> {
    assert(!this.#running, "a world runs once at a time");
    assert(untilMs >= this.#nowMs, "virtual time never goes back");
    this.#running = true;
    return new Promise<void>((resolve, reject) => {
      let ended = false;
      const end = (error?: unknown): void => {
        if (ended) return;
        ended = true;
        process.off("unhandledRejection", end);
        process.off("uncaughtException", end);
        this.#running = false;
        if (error === undefined) resolve();
        else reject(error);
      };
      process.on("unhandledRejection", end);
      process.on("uncaughtException", end);
      // Node drains ticks and promises between two immediates of one turn, so a turn can carry many events.
      const turn = (): void => {
        if (ended) return;
        try {
          if (done?.() === true) return end();
          if (!this.#step(untilMs)) return end();
        } catch (error) {
          return end(error);
        }
        left -= 1;
        if (left === 0) schedule();
      };
      let left = 0;
      const schedule = (): void => {
        left = TURNS_PER_IMMEDIATE;
        for (let count = 0; count < TURNS_PER_IMMEDIATE; count++) setImmediate(turn);
      };
      schedule();
    });
  }

  /** Runs until the promise of the scenario settles; rejects when it has not by `withinMs` from now. */
  async settle<T>(promise: Promise<T>, withinMs = 600_000): Promise<T> {
    let outcome: PromiseSettledResult<T> | undefined;
    promise.then(
      (value) => {
        outcome = { status: "fulfilled", value };
      },
      (reason: unknown) => {
        outcome = { status: "rejected", reason };
      },
    );
    await this.run(this.#nowMs + withinMs, () => outcome !== undefined);
    if (outcome === undefined) throw new Error(`not settled within ${withinMs} ms of virtual time, seed=${this.seed}`);
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  }

  #step(untilMs: number): boolean {
    const event = this.#nextEvent(untilMs);
    if (event === undefined) {
      this.#nowMs = untilMs;
      return false;
    }
    this.#eventsAtThisTime = event.atMs === this.#nowMs ? this.#eventsAtThisTime + 1 : 0;
    assert(this.#eventsAtThisTime < EVENTS_AT_ONE_TIME_MAX, "virtual time stands still: something repeats itself without delay");
    this.#nowMs = event.atMs;
    this.#eventsRun += 1;
    this.trace.number(event.sequence);
    this.trace.number(event.atMs * 1e6);
    const run = event.run;
    event.run = undefined;
    run?.();
    return true;
  }

  /** Cancelled events are dropped on the way. */
  #nextEvent(untilMs: number): SimEvent | undefined {
    for (;;) {
      const event = this.#queue.peek();
      if (event === undefined || event.atMs > untilMs) return undefined;
      this.#queue.pop();
      if (event.run !== undefined) return event;
    }
  }
}
