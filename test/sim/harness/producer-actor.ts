import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import type { Producer } from "@tidemq/client/producer.ts";
import type { ProducerOptions } from "@tidemq/client/producer-options.ts";
import { partitionKey, type Sender, type Sent } from "@tidemq/server/testing/checkers/history.ts";
import { payload } from "@tidemq/server/testing/checkers/payload.ts";
import type { SimRandom } from "@tidemq/server/testing/sim-io/random.ts";
import type { SimRun } from "./sim-run.ts";
import type { Target } from "./target.ts";

export type ProducerLoad = Readonly<{
  idempotent: boolean;
  /** Records of one burst, their bytes, pause between bursts: from, to. */
  burst: readonly [number, number];
  bytes: readonly [number, number];
  pauseMs: readonly [number, number];
  options: Partial<ProducerOptions>;
}>;

/** A producer that writes records that can be told apart, and writes down what becomes of them. */
export class ProducerActor {
  readonly sender: Sender;
  readonly #sim: SimRun;
  readonly #producer: Producer;
  readonly #load: ProducerLoad;
  readonly #random: SimRandom;
  readonly #pending = new Set<Promise<void>>();
  #targets: readonly Target[];
  #stopped = false;

  constructor(sim: SimRun, name: string, client: Client, targets: readonly Target[], load: ProducerLoad) {
    this.#sim = sim;
    this.#load = load;
    this.#targets = targets;
    this.#random = sim.random.fork(name);
    this.sender = sim.history.sender(name, load.idempotent, (load.options.acks ?? "all") === "all");
    this.#producer = client.producer({ idempotence: load.idempotent, ...load.options });
  }

  /** Bursts until `stop`. */
  async run(): Promise<void> {
    const { burst, pauseMs } = this.#load;
    while (!this.#stopped) {
      const target = this.#random.pick(this.#targets);
      const sent: Promise<void>[] = [];
      for (let count = this.#random.between(...burst); count > 0; count--) sent.push(this.send(target));
      if (this.#random.chance(0.5)) await Promise.all(sent);
      await this.#sim.sleep(this.#random.withinMs(pauseMs));
      while (this.#pending.size > 200 && !this.#stopped) await this.#sim.sleep(20);
    }
  }

  /** One record; settles when its fate is known to the client. */
  send(target: Target): Promise<void> {
    const { history, world } = this.#sim;
    const sent = history.sending(this.sender, partitionKey(target.topic, target.partition), world.nowMs);
    const value = payload(sent.id, this.#random.between(...this.#load.bytes));
    const key = this.#random.chance(0.5) ? `key ${this.#random.between(0, 20)}` : null;
    const outcome = this.#producer.send({ ...target, key, value }).then(
      ({ offset }) => history.acked(sent, offset, world.nowMs),
      (error: unknown) => this.#failed(sent, ClientError.from(error)),
    );
    this.#pending.add(outcome);
    return outcome.finally(() => this.#pending.delete(outcome));
  }

  aim(targets: readonly Target[]): void {
    this.#targets = targets;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Everything sent has been acknowledged or given up. */
  async settled(): Promise<void> {
    await this.#producer.flush();
    await Promise.all(this.#pending);
  }

  #failed(sent: Sent, error: ClientError): void {
    const { code, message } = error;
    if (code === "MALFORMED_RESPONSE" || error.kind === "internal") throw error; // never the broker's right
    this.#sim.history.failed(sent, `${code}: ${message}`, this.#sim.world.nowMs);
  }
}
