import type { StartConfig } from "@tidemq/server/config/server-config.ts";
import type { Broker } from "@tidemq/server/process/broker/broker.ts";
import { BrokerWatch } from "@tidemq/server/testing/checkers/broker-watch.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { BROKER_ADDRESS, type Death, SIM_SIZES, SimBroker } from "@tidemq/server/testing/sim-broker.ts";
import { type FinishOptions, finish } from "./finish.ts";
import { randomConfig } from "./shape.ts";
import { SimRun } from "./sim-run.ts";
import { TraceLog } from "./trace-log.ts";

/** How often the numbers of the broker are looked at. */
export const WATCH_MS = 25;

/** A run with one node: its machine, and who looks after the promises. */
export class Sim extends SimRun {
  readonly node: SimBroker;
  readonly watch = new BrokerWatch(SIM_SIZES.uploadWindowBytes);
  /** Files of the log were damaged on purpose: a start names that. Else it has nothing to name. */
  damageAllowed = false;
  /** Whether a process may end itself at the moment; the reason decides. */
  mayDie: (error: Error) => boolean = () => false;
  #watching = true;

  /** @param print Where to say what happens; nowhere when absent. */
  constructor(seed: number, scenario: string, print?: (line: string) => void) {
    super(seed, scenario, print);
    this.node = new SimBroker(this.world, randomConfig(this.random.fork("config")), new TraceLog((text) => this.say(text)));
    this.node.onDeath = (death) => this.#died(death);
    this.#watchOn();
  }

  protected override get bootstrap() {
    return { addresses: [BROKER_ADDRESS], network: this.node.network };
  }

  configure(config: Partial<StartConfig>): void {
    this.node.config = { ...this.node.config, ...config };
  }

  get broker(): Broker {
    if (this.node.broker === undefined) throw new Error("no broker is up");
    return this.node.broker;
  }

  /** Starts the broker; it must come up. */
  async start(): Promise<Broker> {
    const broker = await this.node.start();
    const { damage } = broker.recovery;
    this.watch.restarted();
    this.say(`up: ${JSON.stringify(broker.recovery)}`);
    check(this.damageAllowed || damage.length === 0, "damage", () => `a start names damage that nobody did: ${damage.join("; ")}`);
    return broker;
  }

  /** Ends the run: faults stop, everything has to work again, and every promise is checked. */
  async finish(options: FinishOptions = {}): Promise<void> {
    await finish(this, options);
  }

  stopWatching(): void {
    this.#watching = false;
  }

  #watchOn(): void {
    this.world.after(WATCH_MS, () => {
      if (!this.#watching) return;
      if (this.node.broker !== undefined) this.watch.look(this.node.broker);
      this.#watchOn();
    });
  }

  #died({ error }: Death): void {
    this.note(`the process ended itself: ${error.message}`);
    if (!this.mayDie(error)) this.failAtOnce("process", `the process ended itself: ${error.stack ?? error.message}`);
  }
}
