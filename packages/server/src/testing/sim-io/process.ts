import { assert } from "../../base/assert.ts";
import { SimClock } from "./clock.ts";
import type { SimEvent } from "./event-queue.ts";
import type { SimRandom } from "./random.ts";
import type { SimWorld } from "./sim-world.ts";

/**
 * One run of a program: from its start until `crash()`. After the crash no timer, no completion of a disk, network or
 * object store of this run is delivered any more, so none of its code runs again: its promises stay pending for ever.
 * What it leaves behind (disk, bucket, sockets of its peers) lives on outside.
 */
export class SimProcess {
  readonly world: SimWorld;
  readonly name: string;
  readonly clock: SimClock;
  readonly random: SimRandom;
  readonly #onCrash: (() => void)[] = [];
  #alive = true;
  #pausedUntilMs = 0;
  /** What arrived during a pause, in order. */
  #held: (() => void)[] = [];

  constructor(world: SimWorld, name: string, number: number) {
    this.world = world;
    this.name = name;
    this.random = world.random.fork(`process ${number} ${name}`);
    this.clock = new SimClock(this);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Runs in this process `delayMs` from now, if it is alive then; later when it is paused then. */
  after(delayMs: number, run: () => void): SimEvent {
    return this.at(this.world.nowMs + Math.max(0, delayMs), run);
  }

  at(atMs: number, run: () => void): SimEvent {
    return this.world.at(atMs, () => this.#deliver(run));
  }

  /** A completion: settles `delayMs` from now with the result of `act`, which runs then and only while the process lives. */
  call<T>(delayMs: number, act: () => T): Promise<T> {
    return this.callAt(this.world.nowMs + Math.max(0, delayMs), act);
  }

  callAt<T>(atMs: number, act: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.at(atMs, () => {
        try {
          resolve(act());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Devices learn of the end. In the order of registration. */
  onCrash(run: () => void): void {
    if (this.#alive) this.#onCrash.push(run);
  }

  /** The process ends at once, as by `kill -9`. What the kernel already has is not lost: see `SimDisk.losePower`. */
  crash(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.world.trace.text(`crash ${this.name}`);
    for (const run of this.#onCrash) run();
    this.#onCrash.length = 0;
  }

  /** Stands still for so long (SIGSTOP, a long garbage collection) and then gets everything that came meanwhile, in order. */
  pause(forMs: number): void {
    assert(forMs >= 0, "a pause has a length");
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.world.nowMs + forMs);
  }

  #deliver(run: () => void): void {
    if (!this.#alive) return;
    const isPaused = this.#pausedUntilMs > this.world.nowMs;
    if (!isPaused && this.#held.length === 0) return run();
    this.#held.push(run);
    if (this.#held.length === 1) this.world.at(this.#pausedUntilMs, () => this.#deliverHeld());
  }

  /** One at a time, each as an event of its own. */
  #deliverHeld(): void {
    if (!this.#alive) return;
    if (this.#pausedUntilMs > this.world.nowMs) {
      this.world.at(this.#pausedUntilMs, () => this.#deliverHeld());
      return;
    }
    const run = this.#held.shift();
    if (this.#held.length > 0) this.world.after(0, () => this.#deliverHeld());
    run?.();
  }
}
