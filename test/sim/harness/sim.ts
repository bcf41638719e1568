import { Client } from "@tidemq/client/client.ts";
import type { StartConfig } from "@tidemq/server/config/server-config.ts";
import type { Broker } from "@tidemq/server/process/broker.ts";
import { BrokerWatch } from "@tidemq/server/testing/checkers/broker-watch.ts";
import { CheckFailure, check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { History } from "@tidemq/server/testing/checkers/history.ts";
import { BROKER_ADDRESS, type Death, SIM_SIZES, SimBroker } from "@tidemq/server/testing/sim-broker.ts";
import type { SimRandom } from "@tidemq/server/testing/sim-io/random.ts";
import { SimWorld } from "@tidemq/server/testing/sim-io/sim-world.ts";
import { type FinishOptions, finish } from "./finish.ts";
import { randomConfig } from "./shape.ts";
import { simTransport } from "./sim-transport.ts";
import { TraceLog } from "./trace-log.ts";
import { Workload } from "./workload.ts";

/** How often the numbers of the broker are looked at. */
const WATCH_MS = 25;

/** One run of a scenario under a seed: a machine, its clients, what they saw, and who looks after the promises. */
export class Sim {
  readonly seed: number;
  readonly world: SimWorld;
  /** Of the scenario and the clients; devices and processes have their own. */
  readonly random: SimRandom;
  readonly node: SimBroker;
  readonly history = new History();
  readonly watch = new BrokerWatch(SIM_SIZES.uploadWindowBytes);
  readonly load: Workload;
  /** Damage was done on purpose: offsets may be answered as damaged, and readers skip them. */
  gapsAllowed = false;
  /** Files of the log were damaged on purpose: a start names that. Else it has nothing to name. */
  damageAllowed = false;
  /** Records may fall below the start of the log: readers that stood there go on at the start. */
  expires = false;
  /** How often unsynced records were lost with leave: what was told before does not count any more. */
  lossesAllowed = 0;
  /** Whether a process may end itself at the moment; the reason decides. */
  mayDie: (error: Error) => boolean = () => false;
  readonly #print: ((line: string) => void) | undefined;
  #clients = 0;
  #watching = true;

  /** @param print Where to say what happens; nowhere when absent. */
  constructor(seed: number, scenario: string, print?: (line: string) => void) {
    this.seed = seed;
    this.#print = print;
    this.world = new SimWorld(seed);
    this.world.trace.text(scenario);
    this.random = this.world.random.fork(`scenario ${scenario}`);
    this.node = new SimBroker(this.world, randomConfig(this.random.fork("config")), new TraceLog((text) => this.say(text)));
    this.node.onDeath = (death) => this.#died(death);
    this.load = new Workload(this);
    this.#watchOn();
  }

  configure(config: Partial<StartConfig>): void {
    this.node.config = { ...this.node.config, ...config };
  }

  get broker(): Broker {
    if (this.node.broker === undefined) throw new Error("no broker is up");
    return this.node.broker;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.after(ms, resolve);
    });
  }

  /** A random time. */
  rest(fromMs: number, toMs: number): Promise<void> {
    return this.sleep(this.random.withinMs([fromMs, toMs]));
  }

  /** Told in a trace. */
  say(text: string): void {
    this.#print?.(`${this.world.nowMs.toFixed(3).padStart(12)}  ${text}`);
  }

  /** Something that the scenario does: part of the trace. */
  note(text: string): void {
    this.world.trace.text(text);
    this.say(`# ${text}`);
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

  /** A client on a machine of its own. */
  client(name = `client-${this.#clients}`): Client {
    this.#clients += 1;
    const process = this.world.startProcess(name);
    const { clock, random } = process;
    return new Client(
      {
        bootstrap: [BROKER_ADDRESS],
        clientId: name,
        connectTimeoutMs: 3_000,
        requestTimeoutMs: 10_000,
        operationTimeoutMs: 60_000,
        bootstrapTimeoutMs: 60_000,
        backOff: { firstMs: 20, longestMs: 500 },
      },
      { transport: simTransport(this.node.network, process), clock, random },
    );
  }

  /** Ends the run: faults stop, everything has to work again, and every promise is checked. */
  async finish(options: FinishOptions = {}): Promise<void> {
    await finish(this, options);
  }

  stopWatching(): void {
    this.#watching = false;
  }

  fail(checker: string, message: string): never {
    throw new CheckFailure(checker, message);
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
    if (!this.mayDie(error)) throw new CheckFailure("process", `the process ended itself: ${error.stack ?? error.message}`);
  }
}
