import { Client } from "@tidemq/client/client.ts";
import type { Address } from "@tidemq/client/transport.ts";
import { CheckFailure } from "@tidemq/server/testing/checkers/check-failure.ts";
import { History } from "@tidemq/server/testing/checkers/history.ts";
import type { SimNetwork } from "@tidemq/server/testing/sim-io/network.ts";
import type { SimRandom } from "@tidemq/server/testing/sim-io/random.ts";
import { SimWorld } from "@tidemq/server/testing/sim-io/sim-world.ts";
import { simTransport } from "./sim-transport.ts";
import { Workload } from "./workload.ts";

/** One run of a scenario under a seed: clients, what they saw, and what is allowed; whoever they talk to is in the classes beneath. */
export abstract class SimRun {
  readonly seed: number;
  readonly world: SimWorld;
  /** Of the scenario and the clients; devices and processes have their own. */
  readonly random: SimRandom;
  readonly history = new History();
  readonly load: Workload;
  /** Damage was done on purpose: offsets may be answered as damaged, and readers skip them. */
  gapsAllowed = false;
  /** Object storage may have answered with wrong bytes, even twice: that is no damage when it works again. */
  readsFlipped = false;
  /** A partition may get another leader, which has what was committed but learns only then how far that is. */
  leadersMayLag = false;
  /** Records may fall below the start of the log: readers that stood there go on at the start. */
  expires = false;
  /** How often unsynced records were lost with leave: what was told before does not count any more. */
  lossesAllowed = 0;
  readonly #print: ((line: string) => void) | undefined;
  #clients = 0;

  /** @param print Where to say what happens; nowhere when absent. */
  constructor(seed: number, scenario: string, print?: (line: string) => void) {
    this.seed = seed;
    this.#print = print;
    this.world = new SimWorld(seed);
    this.world.trace.text(scenario);
    this.random = this.world.random.fork(`scenario ${scenario}`);
    this.load = new Workload(this);
  }

  /** Where clients look first, and by which network. */
  protected abstract get bootstrap(): Readonly<{ addresses: readonly Address[]; network: SimNetwork }>;

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

  /** A client on a machine of its own. */
  client(name = `client-${this.#clients}`): Client {
    this.#clients += 1;
    const process = this.world.startProcess(name);
    const { clock, random } = process;
    const { addresses, network } = this.bootstrap;
    return new Client(
      {
        bootstrap: addresses,
        clientId: name,
        connectTimeoutMs: 3_000,
        requestTimeoutMs: 10_000,
        operationTimeoutMs: 60_000,
        bootstrapTimeoutMs: 60_000,
        backOff: { firstMs: 20, longestMs: 500 },
      },
      { transport: simTransport(network, process), clock, random },
    );
  }

  /** By an event of its own: what is noticed in a call of the product could be caught there. */
  failAtOnce(checker: string, message: string): void {
    this.world.after(0, () => this.fail(checker, message));
  }

  fail(checker: string, message: string): never {
    throw new CheckFailure(checker, message);
  }
}
