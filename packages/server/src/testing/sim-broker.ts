import { KiB, MiB } from "../base/units.ts";
import type { HostPort } from "../config/option-types.ts";
import type { StartConfig } from "../config/server-config.ts";
import type { Disk } from "../io/disk.ts";
import type { Peers } from "../peer-net/peers.ts";
import { Broker, type BrokerSizes } from "../process/broker/broker.ts";
import type { ControlPlane } from "../process/control/control-plane.ts";
import { LocalControl, localControlOptions } from "../process/control/local-control.ts";
import type { World } from "../process/world.ts";
import type { Log } from "../telemetry/log.ts";
import { RecordingLog } from "./recording-log.ts";
import { SimDisk } from "./sim-io/disk.ts";
import { SimNetwork } from "./sim-io/network.ts";
import { SimObjectStore } from "./sim-io/object-store.ts";
import type { SimProcess } from "./sim-io/process.ts";
import type { SimWorld } from "./sim-io/sim-world.ts";

/** Where the broker listens. */
export const BROKER_ADDRESS = { host: "broker", port: 9092 } as const;

/** Small, so that files are reused, objects made and manifests rolled within seconds of virtual time. */
export const SIM_SIZES: BrokerSizes = {
  slabBytes: 64 * KiB,
  indexBytesMax: 1 * MiB,
  objectBytesMax: 128 * KiB,
  uploadWindowBytes: 384 * KiB,
  snapshotLogBytesMin: 4 * KiB,
};

const SIM_CONFIG: StartConfig = {
  data: "data",
  listeners: [{ name: "PLAINTEXT", listen: BROKER_ADDRESS, advertise: BROKER_ADDRESS }],
  nodeId: 1,
  roles: ["broker", "controller"],
  rack: "",
  host: undefined,
  metadataLog: "local",
  http: { host: "broker", port: 9643 },
  objectStorage: { kind: "dir", path: "bucket" },
  s3Endpoint: undefined,
  s3Region: undefined,
  s3PathStyle: false,
  gcsEndpoint: undefined,
  azureEndpoint: undefined,
  uploadRateBytes: undefined,
  downloadRateBytes: undefined,
  sync: true,
  insecure: false,
  autoCreateTopics: false,
  fetchFromFollowers: true,
  defaultPartitions: 1,
  defaultReplicationFactor: 1,
  walFileBytes: 256 * KiB,
  walCapacityBytes: 12 * 256 * KiB,
  uploadBytes: 256 * KiB,
  uploadAgeMs: 2_000,
  retentionCheckMs: 300_000,
  writeMemoryBytes: 1 * MiB,
  readMemoryBytes: 2 * MiB,
};

/** The process ended while something was awaited of it. */
export class ProcessEnded extends Error {
  override readonly name = "ProcessEnded";
}

/** Why a process ended itself. */
export type Death = Readonly<{ atMs: number; error: Error }>;

/** What several machines share; absent: the machine's own. */
export type SimSurroundings = Readonly<{ bucket: SimObjectStore; network: SimNetwork }>;

/** One simulated machine with a disk and a bucket, and the broker's process on it, which comes and goes. */
export class SimBroker {
  readonly world: SimWorld;
  /** Of its process, and where that listens. */
  readonly address: HostPort;
  readonly disk: SimDisk;
  readonly bucket: SimObjectStore;
  readonly network: SimNetwork;
  config: StartConfig;
  /** Serving; undefined while no process runs or one is still starting. */
  broker: Broker | undefined;
  process: SimProcess | undefined;
  /** Processes that ended themselves, oldest first. */
  readonly deaths: Death[] = [];
  readonly log: Log;
  starts = 0;
  /** Called when a process ended itself. */
  onDeath: (death: Death) => void = () => undefined;

  constructor(
    world: SimWorld,
    config: Partial<StartConfig> = {},
    log: Log = new RecordingLog(),
    around?: SimSurroundings,
    address: HostPort = BROKER_ADDRESS,
  ) {
    this.world = world;
    this.log = log;
    this.address = address;
    this.disk = new SimDisk(world, around === undefined ? "disk" : `disk of ${address.host}`);
    this.bucket = around?.bucket ?? new SimObjectStore(world, "bucket");
    this.network = around?.network ?? new SimNetwork(world);
    this.config = { ...SIM_CONFIG, ...config };
  }

  get isUp(): boolean {
    return this.process?.alive === true;
  }

  /** Starts a process; resolves when it listens. @throws {ProcessEnded} When it ended before; what `Broker.open` throws. */
  async start(): Promise<Broker> {
    const { world, disk, network, bucket, log } = this;
    this.starts += 1;
    const process = world.startProcess(this.address.host);
    this.process = process;
    const ended = new Promise<never>((_, reject) => {
      process.onCrash(() => {
        if (this.process === process) this.broker = undefined;
        reject(new ProcessEnded("the process ended before it listened"));
      });
    });
    ended.catch(() => undefined);
    const parts = {
      clock: process.clock,
      random: process.random,
      disk: disk.mount(process),
      network: network.attach(process),
      objectStore: bucket.connect(process),
      log,
      busy: () => undefined,
      fatal: (error: Error) => this.#die(process, error),
    };
    try {
      const broker = await Promise.race([this.#open(parts, process), ended]);
      await Promise.race([this.openedIn(process, broker), ended]);
      await Promise.race([broker.listen(this.address.host, this.address.port), ended]);
      this.broker = broker;
      return broker;
    } catch (error) {
      process.crash(); // a start that fails ends its process
      throw error;
    }
  }

  async #open(parts: World, process: SimProcess): Promise<Broker> {
    const control = await this.openControl(parts, process);
    return Broker.open(this.config, parts, control, { sizes: SIM_SIZES, others: this.others });
  }

  /** One node has a metadata log of its own. */
  protected openControl(parts: World, _process: SimProcess): Promise<ControlPlane> {
    return LocalControl.open(localControlOptions(this.config, SIM_SIZES), parts);
  }

  /** The brokers beside it, of the process whose control was opened last. */
  protected get others(): Peers | undefined {
    return undefined;
  }

  /** Before it listens to clients. */
  protected async openedIn(_process: SimProcess, _broker: Broker): Promise<void> {}

  /** `kill -9`: what the kernel has stays. */
  kill(): void {
    this.broker = undefined;
    this.process?.crash();
  }

  /** The machine loses power: what was not synced is kept, torn or lost. */
  losePower(): void {
    this.broker = undefined;
    this.disk.losePower();
  }

  /** A clean stop. */
  async stop(): Promise<void> {
    const { broker, process } = this;
    this.broker = undefined;
    await broker?.close();
    process?.crash();
  }

  /** What a person does in the data folder while nothing runs. */
  async byHand(act: (disk: Disk) => Promise<void>): Promise<void> {
    const person = this.world.startProcess("person");
    await act(this.disk.mount(person));
    person.crash();
  }

  #die(process: SimProcess, error: Error): void {
    if (!process.alive) return;
    const death = { atMs: this.world.nowMs, error };
    this.deaths.push(death);
    if (this.process === process) this.broker = undefined;
    process.crash();
    this.onDeath(death);
  }
}
