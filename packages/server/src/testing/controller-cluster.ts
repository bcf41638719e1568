import type { CommandLog } from "../controller/command-log.ts";
import type { Controller } from "../controller/controller.ts";
import { type ObjectStore, ObjectStoreError } from "../io/object-store.ts";
import type { LogEntry } from "../metadata-log/metadata-log.ts";
import { ObjectMetadataLog } from "../metadata-log/object/object-log.ts";
import { ControllerNode } from "../process/control/controller-node.ts";
import { CommandHistory } from "./checkers/command-history.ts";
import { RecordingLog } from "./recording-log.ts";
import { SimObjectStore } from "./sim-io/object-store.ts";
import { SimPeerNetwork } from "./sim-io/peer-transport.ts";
import type { SimProcess } from "./sim-io/process.ts";
import type { MsRange, SimRandom } from "./sim-io/random.ts";
import { SimWorld } from "./sim-io/sim-world.ts";

export const CLUSTER_ID = "cluster-1";
export const PEER_PORT = 9_093;
const SNAPSHOT_LOG_BYTES_MIN = 4_000;
const DEFAULTS = { defaultPartitions: 1, defaultReplicationFactor: 1 };

/** One controller's process, started again and again: whatever it keeps, it keeps in the bucket. */
export class SimController {
  readonly nodeId: number;
  readonly name: string;
  readonly #cluster: ControllerCluster;
  process: SimProcess | undefined;
  /** Undefined while it reads the log. */
  node: ControllerNode | undefined;
  /** Its calls to the bucket get no answer; some take effect. */
  isCut = false;
  cut: Readonly<{ ms: MsRange; doneRatio: number }> = { ms: [100, 5_000], doneRatio: 0.3 };

  constructor(cluster: ControllerCluster, nodeId: number) {
    this.#cluster = cluster;
    this.nodeId = nodeId;
    this.name = `controller-${nodeId}`;
  }

  get leads(): boolean {
    return this.node?.leadership.leads === true;
  }

  get controller(): Controller | undefined {
    return this.node?.controller;
  }

  get commands(): CommandLog | undefined {
    return this.node?.commands;
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
    const options = { nodeId: this.nodeId, clusterId: CLUSTER_ID, controller: DEFAULTS, snapshotLogBytesMin: SNAPSHOT_LOG_BYTES_MIN };
    const transport = this.#cluster.peers.attach(process, { host: this.name });
    void ControllerNode.open(options, { log, transport, clock, random, logger, fatal }).then((node) => {
      if (this.process !== process) return;
      this.node = node;
      const run = `${this.name}/${history.nextRun()}`;
      history.applied(run, node.controller.state);
      node.controller.onApplied(() => history.applied(run, node.controller.state));
      void transport.listen(this.name, PEER_PORT, node.services);
      node.start();
    }, fatal);
  }

  kill(): void {
    this.process?.crash();
    this.process = undefined;
    this.node = undefined;
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
  readonly nodes: readonly SimController[];
  readonly history = new CommandHistory();
  readonly fatals: string[] = [];
  #submitting = true;
  #submitted = 0;

  constructor(seed: number | SimWorld, controllers: number) {
    this.world = typeof seed === "number" ? new SimWorld(seed) : seed;
    this.random = this.world.random.fork("controllers");
    this.bucket = new SimObjectStore(this.world, "bucket");
    this.peers = new SimPeerNetwork(this.world);
    this.nodes = Array.from({ length: controllers }, (_, n) => new SimController(this, n + 1));
  }

  get leaders(): readonly SimController[] {
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

  /** As `readLog`, for who does not run in the world. */
  wholeLog(): Promise<LogEntry[]> {
    return this.world.settle(this.readLog());
  }

  /** Every batch of the log in the bucket. */
  async readLog(): Promise<LogEntry[]> {
    const process = this.world.startProcess("reader");
    const { clock, random } = process;
    const store = this.bucket.connect(process);
    const log = new ObjectMetadataLog({ store, clock, random, logger: new RecordingLog(), clusterId: CLUSTER_ID });
    const entries: LogEntry[] = [];
    for (;;) {
      const known = this.history.newestIndex;
      const read = await log.readFrom(entries.length + 1);
      if (read.kind === "entries") entries.push(...read.entries);
      // What came while the end was looked for is not missing; what was applied before is.
      else if (entries.length < known || entries.length >= this.history.newestIndex) return entries;
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

  /** A change with a name of its own, asked of any controller: one that leads, one that only believes so, or one that knows better. */
  #submit(): void {
    const { controller } = this.random.pick(this.nodes);
    if (controller === undefined) return;
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
