import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import type { Producer } from "@tidemq/client/producer.ts";
import type { SimRun } from "./sim-run.ts";

const LIVING_MAX = 4;
/** Of topics that are written to: few, so that a name soon means another topic. */
const NAMES = 6;
const BURST_MAX = 10;
const DELIVERY_MS = 5_000;

/** Somebody who makes topics and deletes them again, all the time; those with several replicas are written to, and are made anew by the same names. */
export class TopicChurn {
  readonly #sim: SimRun;
  readonly #replicas: number;
  readonly #living: string[] = [];
  #made = 0;
  #stopped = false;

  constructor(sim: SimRun, replicas: number) {
    this.#sim = sim;
    this.#replicas = replicas;
  }

  /** Until `stop`. What is refused or has no answer is left as it is. */
  async run(): Promise<void> {
    const client = this.#sim.load.client();
    const producer = this.#replicas > 1 ? client.producer({ deliveryTimeoutMs: DELIVERY_MS }) : undefined;
    while (!this.#stopped) {
      await this.#sim.rest(20, 1_500);
      try {
        await this.#change(client);
      } catch (error) {
        ignoreRefusal(error);
      }
      if (producer !== undefined) this.#write(producer);
    }
  }

  async #change({ admin }: Client): Promise<void> {
    const { random } = this.#sim;
    if (this.#living.length < LIVING_MAX && random.chance(0.6)) {
      this.#made += 1;
      const name = `churn-${this.#replicas > 1 ? this.#made % NAMES : this.#made}`;
      this.#living.push(name);
      await admin.createTopic({ name, partitions: random.between(1, 3), replicationFactor: this.#replicas });
    } else {
      const name = this.#living.shift();
      if (name !== undefined) await admin.deleteTopic(name);
    }
  }

  #write(producer: Producer): void {
    const { random } = this.#sim;
    const [topic] = this.#living;
    if (topic === undefined) return;
    for (let count = random.between(0, BURST_MAX); count > 0; count -= 1)
      producer.send({ topic, partition: 0, key: null, value: Buffer.alloc(random.between(0, 500)) }).catch(ignoreRefusal);
  }

  stop(): void {
    this.#stopped = true;
  }
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ClientError) || error.kind === "internal") throw error;
}
