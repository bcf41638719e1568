import type { SimProcess } from "@tidemq/server/testing/sim-io/process.ts";

/** Wall clocks that were put wrong. */
export class Clocks {
  readonly #wrongBy = new Map<SimProcess, number>();

  jump(process: SimProcess | undefined, ms: number): void {
    if (process === undefined) return;
    process.clock.jumpWall(ms);
    this.#wrongBy.set(process, (this.#wrongBy.get(process) ?? 0) + ms);
  }

  /** All of them are right again; a process that began later has the right time. */
  right(): void {
    for (const [process, ms] of this.#wrongBy) process.clock.jumpWall(-ms);
    this.#wrongBy.clear();
  }
}
