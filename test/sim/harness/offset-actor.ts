import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import type { SimRandom } from "@tidemq/server/testing/sim-io/random.ts";
import { fetch } from "./read-log.ts";
import type { SimRun } from "./sim-run.ts";
import type { Target } from "./target.ts";

/** How often what was told is compared with what may be read. */
const FETCH_RATIO = 0.3;

/** Asks where partitions begin and end, again and again: neither ever goes back, and what was told as the end is readable. */
export class OffsetActor {
  readonly #sim: SimRun;
  readonly #random: SimRandom;
  readonly #client: Client;
  readonly #targets: readonly Target[];
  #stopped = false;

  constructor(sim: SimRun, name: string, client: Client, targets: readonly Target[]) {
    this.#sim = sim;
    this.#random = sim.random.fork(name);
    this.#client = client;
    this.#targets = targets;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#sim.sleep(this.#random.between(5, 60));
      if (!this.#stopped) await this.#ask(this.#random.pick(this.#targets));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #ask(target: Target): Promise<void> {
    const key = partitionKey(target.topic, target.partition);
    const powerLosses = this.#sim.lossesAllowed;
    try {
      const questions = (["earliest", "latest"] as const).map((at) => ({ ...target, at }));
      const [earliest, latest] = await this.#client.admin.listOffsets(questions);
      if (earliest === undefined || latest === undefined || powerLosses !== this.#sim.lossesAllowed) return;
      check(latest.offset >= earliest.offset, "marks", () => `${key}: offsets [${earliest.offset}, ${latest.offset})`);
      this.#sim.history.sawMarks("offsets", key, latest.offset, earliest.offset);
      if (!this.#random.chance(FETCH_RATIO)) return;
      const { errorCode, highWatermark } = await fetch(this.#client, target, latest.offset, 0);
      if (errorCode !== ErrorCode.NONE || powerLosses !== this.#sim.lossesAllowed) return;
      const mayLag = this.#sim.leadersMayLag;
      check(
        mayLag || highWatermark >= latest.offset,
        "marks",
        () => `${key}: ends at ${latest.offset}, but may be read up to ${highWatermark}`,
      );
    } catch (error) {
      if (!(error instanceof ClientError) || error.kind === "internal") throw error;
    }
  }
}
