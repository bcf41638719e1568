import type { Client } from "@tidemq/client/client.ts";
import { QueueError } from "@tidemq/server/base/errors.ts";
import type { ClusterState } from "@tidemq/server/cluster/cluster-state.ts";
import { HEARTBEAT_MS, SESSION_MS } from "@tidemq/server/controller/limits.ts";
import { DiskError } from "@tidemq/server/io/disk.ts";
import { FOLDS_DIFFER } from "@tidemq/server/partition/followed-partition.ts";
import type { Broker } from "@tidemq/server/process/broker/broker.ts";
import { BrokerWatch } from "@tidemq/server/testing/checkers/broker-watch.ts";
import { CheckFailure, check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { lifeKey } from "@tidemq/server/testing/checkers/control-log.ts";
import { EqualFolds } from "@tidemq/server/testing/checkers/equal-folds.ts";
import { EqualReplicas } from "@tidemq/server/testing/checkers/equal-replicas.ts";
import { ClusterBroker } from "@tidemq/server/testing/cluster-broker.ts";
import { ControllerCluster } from "@tidemq/server/testing/controller-cluster.ts";
import { type Death, ProcessEnded, SIM_SIZES } from "@tidemq/server/testing/sim-broker.ts";
import { SimNetwork } from "@tidemq/server/testing/sim-io/network.ts";
import { WalOpenError } from "@tidemq/server/wal/wal-options.ts";
import { Clocks } from "./clocks.ts";
import { ofCluster } from "./cluster-clients.ts";
import { type ClusterFinishOptions, finishCluster } from "./cluster-finish.ts";
import { LeaderWatch } from "./leader-watch.ts";
import { randomConfig } from "./shape.ts";
import { WATCH_MS } from "./sim.ts";
import { SimRun } from "./sim-run.ts";
import { TopicChurn } from "./topic-churn.ts";
import { TraceLog } from "./trace-log.ts";

/** How often it is asked whether in-sync sets may have changed. */
const SETS_MS = 2;

const CONTROLLERS = 3;
const BROKERS = 3;

/** One failure ends the process: the next one writes again. */
const DISK_WRITES = { writeErrorRatio: 0, syncErrorRatio: 0 };

/** A broker's machine, and who looks at it. */
export type Machine = Readonly<{ node: ClusterBroker; watch: BrokerWatch }>;

/** A run with a cluster: controllers over one bucket, brokers with a disk each, networks for clients and for peers. */
export class ClusterSim extends SimRun {
  readonly control: ControllerCluster;
  readonly network: SimNetwork;
  readonly machines: readonly Machine[];
  readonly leaders = new LeaderWatch();
  readonly folds = new EqualFolds();
  readonly replicas = new EqualReplicas();
  readonly clocks = new Clocks();
  /** When processes of brokers died, or were told to stop, by `lifeKey`. */
  readonly gone = new Map<string, number>();
  /** Bits of logs are flipped. */
  damageAllowed = false;
  #watching = true;
  #twins = 0;
  /** Of a start that nobody waits for. */
  #failure: Error | undefined;
  /** When the newest process of a broker that is no more ended. */
  readonly #goneMs = new Map<number, number>();

  /** @param print Where to say what happens; nowhere when absent. */
  constructor(seed: number, scenario: string, print?: (line: string) => void) {
    super(seed, scenario, print);
    this.control = new ControllerCluster(this.world, CONTROLLERS);
    this.network = new SimNetwork(this.world);
    const config = randomConfig(this.random.fork("config"));
    const log = new TraceLog((text) => this.#heard(text));
    this.machines = Array.from({ length: BROKERS }, (_, at) => {
      const node = new ClusterBroker(this.control, at + 1, this.network, config, log);
      node.onDeath = (death) => this.#died(node, death);
      return { node, watch: new BrokerWatch(SIM_SIZES.uploadWindowBytes) };
    });
    this.#watchOn();
    this.#watchSets();
  }

  protected override get bootstrap() {
    return { addresses: this.machines.map(({ node }) => node.address), network: this.network };
  }

  override client(name?: string): Client {
    return ofCluster(super.client(name));
  }

  /** Those that serve at the moment. */
  get brokers(): readonly Broker[] {
    return this.machines.map(({ node }) => node.broker).filter((broker) => broker !== undefined);
  }

  /** The newest that any process has applied. */
  get newestState(): ClusterState | undefined {
    const states = [...this.control.nodes, ...this.brokers].map(({ controller }) => controller?.state);
    return states.reduce((newest, state) => (state !== undefined && state.index > (newest?.index ?? -1) ? state : newest), undefined);
  }

  /** Controllers and brokers, for the first time; resolves when all brokers serve. */
  async begin(): Promise<void> {
    this.control.start();
    await Promise.all(this.machines.map((machine) => this.start(machine)));
  }

  /** Resolves when it serves, or when it was ended before. */
  async start(machine: Machine): Promise<void> {
    const { node, watch } = machine;
    watch.restarted();
    const goneMs = this.#goneMs.get(node.id) ?? Number.NEGATIVE_INFINITY;
    // What it said before it went may be heard late, and gives it a whole session from then on.
    const isFenced = this.newestState?.brokers.get(node.id)?.fenced !== false;
    try {
      const starting = node.start();
      node.process?.onCrash(() => {
        this.#goneMs.set(node.id, this.world.nowMs);
        this.#goes(node.id);
      });
      const broker = await starting;
      const { damage } = broker.recovery;
      this.say(`${node.address.host} is up: ${JSON.stringify(broker.recovery)}`);
      check(this.damageAllowed || damage.length === 0, "damage", () => `a start names damage that nobody did: ${damage.join("; ")}`);
    } catch (error) {
      if (error instanceof ProcessEnded) return;
      if (isDiskBad(node) && isOfDisk(error)) return this.note(`${node.address.host} cannot start: ${(error as Error).message}`);
      // Its connections had fallen silent before it went: until its session is over nobody can know that.
      const silentMs = Math.min(this.world.nowMs - goneMs, this.#heardAgoMs(node.id));
      const isTooEarly = isRefused(error) && (!isFenced || silentMs < SESSION_MS + HEARTBEAT_MS);
      if (!isTooEarly) this.#failure ??= error as Error;
      this.#goneMs.set(node.id, goneMs);
      this.note(`${node.address.host} does not start: ${(error as Error).message}`);
    }
  }

  /** By a controller that leads: a registration that waited for the bucket begins a session when that is back, though its sender is gone. */
  #heardAgoMs(broker: number): number {
    const ages = this.control.leaders.flatMap(({ node, process }) => {
      const session = node?.fencing.session(broker);
      return session === undefined || process === undefined ? [] : [process.clock.monotonicMs() - session.heardMs];
    });
    return Math.min(...ages);
  }

  /** A clean stop, which nobody waits for: others lead before it ends. */
  stop({ node }: Machine): void {
    if (node.broker === undefined) return;
    this.#goes(node.id);
    void node.stop();
  }

  /** A second process by the name of a broker that lives, on another machine: resolves when it has been refused. @throws {CheckFailure} */
  async startTwin({ node: { id, config } }: Machine): Promise<void> {
    this.#twins += 1;
    const host = `twin-${this.#twins}-of-broker-${id}`;
    const twin = new ClusterBroker(this.control, id, this.network, config, new TraceLog((text) => this.say(text)), host);
    this.note(`${host} starts`);
    const outcome = await twin.start().catch((error: unknown) => error);
    check(isRefused(outcome), "twins", () => `broker ${id} runs, and a second process of it was not refused`);
  }

  /** Topics of so many replicas that come and go from now on. */
  churn(replicas: number): TopicChurn {
    const topics = new TopicChurn(this, replicas);
    void topics.run();
    return topics;
  }

  /** Ends the run: faults stop, everything has to work again, and every promise is checked. */
  async finish(options: ClusterFinishOptions = {}): Promise<void> {
    await finishCluster(this, options);
  }

  stopWatching(): void {
    this.#watching = false;
  }

  /** Replicas have equal folds, and would mend themselves when they had not. */
  #heard(text: string): void {
    this.say(text);
    if (text.includes(FOLDS_DIFFER)) this.#failure ??= new CheckFailure("folds", text);
  }

  #watchOn(): void {
    this.world.after(WATCH_MS, () => {
      if (this.#failure !== undefined) throw this.#failure;
      if (!this.#watching) return;
      for (const { node, watch } of this.machines) if (node.broker !== undefined) watch.look(node.broker);
      this.leaders.look(this.brokers);
      this.folds.look(this.brokers);
      this.replicas.look(this.brokers, this.newestState);
      const [fatal] = this.control.fatals;
      check(fatal === undefined, "process", () => `a controller ended itself: ${fatal}`);
      this.#watchOn();
    });
  }

  /** Right behind each change: a new member is one before its leader hears so. */
  #watchSets(lookedAt = -1): void {
    this.world.after(SETS_MS, () => {
      if (!this.#watching) return;
      const newest = this.leadersMayLag ? this.newestState : undefined;
      if (newest !== undefined && newest.index !== lookedAt) this.replicas.look(this.brokers, newest);
      this.#watchSets(newest?.index);
    });
  }

  #goes(broker: number): void {
    const epoch = this.newestState?.brokers.get(broker)?.epoch;
    if (epoch === undefined) return;
    const life = lifeKey(broker, epoch);
    this.gone.set(life, this.gone.get(life) ?? this.world.nowMs);
  }

  #died(node: ClusterBroker, { error }: Death): void {
    this.note(`${node.address.host} ended itself: ${error.message}`);
    if (isDiskBad(node) && isOfDisk(error)) return void Object.assign(node.disk.faults, DISK_WRITES);
    this.failAtOnce("process", `${node.address.host} ended itself: ${error.stack ?? error.message}`);
  }
}

/** Its writes fail, or have no room. */
function isDiskBad({ disk: { faults } }: ClusterBroker): boolean {
  return faults.capacityBytes !== Number.POSITIVE_INFINITY || faults.writeErrorRatio > 0 || faults.syncErrorRatio > 0;
}

function isOfDisk(error: unknown): boolean {
  return error instanceof DiskError || error instanceof WalOpenError || (error instanceof QueueError && error.code === "DISK_FULL");
}

function isRefused(error: unknown): boolean {
  return error instanceof QueueError && error.code === "START_REFUSED" && error.message.includes("is running already");
}
