import { ClientError } from "@tidemq/client/errors.ts";
import type { SimRun } from "./sim-run.ts";

const LIVING_MAX = 4;

/** Somebody who makes topics and deletes them again, all the time. */
export class TopicChurn {
  readonly #sim: SimRun;
  #stopped = false;

  constructor(sim: SimRun) {
    this.#sim = sim;
  }

  /** Until `stop`. What is refused or has no answer is left as it is. */
  async run(): Promise<void> {
    const { random } = this.#sim;
    const client = this.#sim.load.client();
    const living: string[] = [];
    for (let made = 0; !this.#stopped; ) {
      await this.#sim.rest(20, 1_500);
      try {
        if (living.length < LIVING_MAX && random.chance(0.6)) {
          made += 1;
          const name = `churn-${made}`;
          living.push(name);
          await client.admin.createTopic({ name, partitions: random.between(1, 3), replicationFactor: 1 });
        } else {
          const name = living.shift();
          if (name !== undefined) await client.admin.deleteTopic(name);
        }
      } catch (error) {
        if (!(error instanceof ClientError) || error.kind === "internal") throw error;
      }
    }
  }

  stop(): void {
    this.#stopped = true;
  }
}
