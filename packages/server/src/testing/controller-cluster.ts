import { BrokerFencing } from "../controller/broker-fencing.ts";
import { CommandLog } from "../controller/command-log.ts";
import { Controller } from "../controller/controller.ts";
import { Leadership } from "../controller/leadership.ts";
import { BrokerService } from "../controller/session/broker-service.ts";
import { type ObjectStore, ObjectStoreError } from "../io/object-store.ts";
import type { LogEntry } from "../metadata-log/metadata-log.ts";
import { ObjectMetadataLog } from "../metadata-log/object/object-log.ts";
import { CommandHistory } from "./checkers/command-history.ts";
import { RecordingLog } from "./recording-log.ts";
import { SimObjectStore } from "./sim-io/object-store.ts";
import { SimPeerNetwork } from "./sim-io/peer-transport.ts";
import type { SimProcess } from "./sim-io/process.ts";
import type { MsRange, SimRandom } from "./sim-io/random.ts";
import { SimWorld } from "./sim-io/sim-world.ts";

export const CLUSTER_ID = "cluster-1";
export const PEER_PORT = 9_093;
const OPTIONS = { clusterId: CLUSTER_ID, snapshotLogBytesMin: 4_000 };
const DEFAULTS = { defaultPartitions: 1, defaultReplicationFactor: 1 };

/** One controller's process, started again and again: whatever it keeps, it keeps in the bucket. */
export class ControllerNode {
  readonly name: string;
  readonly #cluster: ControllerCluster;
  #starts = 0;
  process: SimProcess | undefined;
  controller: Controller | undefined;
  commands: CommandLog | undefined;
  leadership: Leadership | undefined;
  fencing: BrokerFencing | undefined;
  service: BrokerService | undefined;
  /** Its calls to the bucket get no answer; some take effect. */
  isCut = false;
  cut: Readonly<{ ms: MsRange; doneRatio: number }> = { ms: [100, 5_000], doneRatio: 0.3 };

  constructor(cluster: ControllerCluster, name: string) {
    this.#cluster = cluster;
    this.name = name;
  }

  get leads(): boolean {
    return this.leadership?.leads === true;
  }

  start(): void {
    const { world, bucket, history } = this.#cluster;
    const process = world.startProcess(this.name);
    this.process = process;
    const { clock, random } = process;
    const logger = new RecordingLog();
    const fatal = (error: Error): void => this.#cluster.fatal(this.name, error);
    const log = new ObjectMetadataLog({
      store: this.#store(bucket.connect(process), process),
      clock,
      random,
      logger,
      clusterId: CLUSTER_ID,
    });
    void CommandLog.open(OPTIONS, { log, clock, random, logger, fatal }).then((commands) => {
      const controller = new Controller(DEFAULTS, { applied: commands.applied, commands, random });
      this.controller = controller;
      this.commands = commands;
      this.#starts += 1;
      const run = `${this.name}/${this.#starts}`;
      history.applied(run, controller.state);
      controller.onApplied(() => history.applied(run, controller.state));
      this.leadership = new Leadership({ commands, log, clock, random, logger, fatal });
      this.fencing = new BrokerFencing({ controller, leadership: this.leadership, clock, logger });
      const { leadership, fencing } = this;
      const parts = { commands, controller, leadership, fencing, log, clock };
      this.service = new BrokerService(parts);
      const transport = this.#cluster.peers.attach(process, { host: this.name });
      void transport.listen(this.name, PEER_PORT, this.service.services);
      leadership.start();
    }, fatal);
  }

  kill(): void {
    this.process?.crash();
    this.process = undefined;
    this.controller = undefined;
    this.commands = undefined;
    this.leadership = undefined;
    this.fencing = undefined;
    this.service = undefined;
  }

  #store(store: ObjectStore, process: SimProcess): ObjectStore {
    const { random } = this.#cluster;
    const pass = <T>(call: () => Promise<T>): Promise<T> => {
      if (!this.isCut) return call();
      if (random.chance(this.cut.doneRatio)) call().catch(() => undefined);
      return process.call(random.withinMs(this.cut.ms), () => {
        throw new ObjectStoreError("unknown", "cut off");
      });
    };
    return {
      put: (key, pieces, pace) => pass(() => store.put(key, pieces, pace)),
      read: (key, start, end, target) => pass(() => store.read(key, start, end, target)),
      head: (key) => pass(() => store.head(key)),
      list: (prefix, after, countMax) => pass(() => store.list(prefix, after, countMax)),
      remove: (key) => pass(() => store.remove(key)),
    };
  }
}

/** Several controllers over one simulated bucket, clients that change something all the time, and a checker of what they were told. */
export class ControllerCluster {
  readonly world: SimWorld;
  readonly random: SimRandom;
  readonly bucket: SimObjectStore;
  readonly peers: SimPeerNetwork;
  readonly nodes: readonly ControllerNode[];
  readonly history = new CommandHistory();
  readonly fatals: string[] = [];
  #submitting = true;
  #submitted = 0;

  constructor(seed: number, controllers: number) {
    this.world = new SimWorld(seed);
    this.random = this.world.random.fork("controllers");
    this.bucket = new SimObjectStore(this.world, "bucket");
    this.peers = new SimPeerNetwork(this.world);
    this.nodes = Array.from({ length: controllers }, (_, n) => new ControllerNode(this, `controller-${n + 1}`));
  }

  get leaders(): readonly ControllerNode[] {
    return this.nodes.filter((node) => node.leads);
  }

  start(): void {
    for (const node of this.nodes) node.start();
    this.#submitLater();
  }

  pass(ms: number): Promise<void> {
    return this.world.run(this.world.nowMs + ms);
  }

  /** Until `done`, at most so long; whether it came. */
  async until(withinMs: number, done: () => boolean): Promise<boolean> {
    await this.world.run(this.world.nowMs + withinMs, done);
    return done();
  }

  /** Every batch of the log in the bucket. */
  async wholeLog(): Promise<LogEntry[]> {
    const process = this.world.startProcess("reader");
    const { clock, random } = process;
    const store = this.bucket.connect(process);
    const log = new ObjectMetadataLog({ store, clock, random, logger: new RecordingLog(), clusterId: CLUSTER_ID });
    const entries: LogEntry[] = [];
    for (;;) {
      const read = await this.world.settle(log.readFrom(entries.length + 1));
      if (read.kind !== "entries") return entries;
      entries.push(...read.entries);
    }
  }

  stopSubmitting(): void {
    this.#submitting = false;
  }

  fatal(name: string, error: Error): void {
    this.fatals.push(`${name}: ${error.stack ?? error.message}`);
  }

  #submitLater(): void {
    this.world.after(this.random.between(1, 200), () => {
      if (!this.#submitting) return;
      this.#submit();
      this.#submitLater();
    });
  }

  /** A change with a name of its own, asked of a controller that believes that it leads, whether it does or not. */
  #submit(): void {
    const { controller, commands } = this.random.pick(this.nodes);
    if (controller === undefined || commands?.isController !== true) return;
    this.#submitted += 1;
    const name = `change-${this.#submitted}`;
    const epoch = controller.state.controllerEpoch;
    const changes = [{ name: "interval.ms", value: "1000" }];
    controller.submit({ kind: "set-client-metrics", name, versionBefore: 0, changes }).then(
      (outcome) => this.history.answered(name, epoch, outcome),
      () => undefined,
    );
  }
}
