import { partitionKey, type Sent } from "@tidemq/server/testing/checkers/history.ts";
import type { Sim } from "./sim.ts";

/** How long something acknowledged may stay unsynced: the flush interval, and the flush itself. */
export const UNSYNCED_MS_MAX = 1_500;

/** An answer may have been sent already when the power failed. */
const ON_THE_WAY_MS = 10;

/** Power losses of a run with `--sync off`, and what each of them may take. */
export class UnsyncedLosses {
  readonly #sim: Sim;
  readonly #atMs: number[] = [];

  constructor(sim: Sim) {
    this.#sim = sim;
  }

  /** The power fails, and the node starts again; who reads forgets what is gone. */
  async losePower(darkMs = 0): Promise<void> {
    const { history, load, node, watch, world } = this.#sim;
    this.#sim.note("power loss");
    this.#atMs.push(world.nowMs);
    load.dropReaders();
    this.#sim.lossesAllowed += 1;
    node.losePower();
    watch.lostUnsynced();
    await this.#sim.sleep(darkMs);
    const broker = await this.#sim.start();
    for (const { topic, partition } of load.targets) {
      history.forgetFrom(partitionKey(topic, partition), broker.partitions.byName(topic, partition)?.logEnd ?? 0);
    }
    load.addReader(`reader after ${world.nowMs}`, "earliest");
  }

  mayHaveTaken({ endedAtMs }: Sent): boolean {
    return this.#atMs.some((ms) => endedAtMs < ms + ON_THE_WAY_MS && endedAtMs > ms - UNSYNCED_MS_MAX);
  }
}
