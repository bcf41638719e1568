import { ClusterState } from "../cluster/cluster-state.ts";
import type { BrokerIdentity } from "../cluster/commands.ts";
import { AppliedState } from "../controller/applied-state.ts";
import { Controller } from "../controller/controller.ts";
import { ControllerLink } from "../controller/session/controller-link.ts";
import { Peers } from "../peer-net/peers.ts";
import { CLUSTER_ID, type ControllerCluster, PEER_PORT } from "./controller-cluster.ts";
import { RecordingLog } from "./recording-log.ts";
import type { SimProcess } from "./sim-io/process.ts";

const DEFAULTS = { defaultPartitions: 1, defaultReplicationFactor: 1 };
const NO_LOAD = {
  cpuRatio: 0,
  memoryBytes: 0,
  memoryBytesMax: 0,
  diskBytes: 0,
  diskBytesMax: 0,
  receivedBytesPerSecond: 0,
  sentBytesPerSecond: 0,
  partitions: 0,
  partitionsLed: 0,
};

/** A broker as the control plane sees it: a session, a state, and whoever wants something changed. It keeps no records. */
export class BrokerNode {
  readonly id: number;
  readonly #cluster: ControllerCluster;
  process: SimProcess | undefined;
  applied: AppliedState | undefined;
  controller: Controller | undefined;
  link: ControllerLink | undefined;
  brokerEpoch = 0;
  /** Why the process ended itself. */
  endedBy: Error | undefined;

  constructor(cluster: ControllerCluster, id: number) {
    this.#cluster = cluster;
    this.id = id;
  }

  get host(): string {
    return `broker-${this.id}`;
  }

  get isReady(): boolean {
    const known = this.applied?.state.brokers.get(this.id);
    return known !== undefined && known.epoch === this.brokerEpoch && !known.fenced && this.link?.isOpen === true;
  }

  start(): void {
    const { world, peers: network, nodes, history } = this.#cluster;
    const process = world.startProcess(this.host);
    const { clock, random } = process;
    const peers = new Peers({ transport: network.attach(process, { host: this.host }), clock, random });
    const applied = new AppliedState(new ClusterState(CLUSTER_ID));
    const incarnation = Buffer.from(random.bytes(8)).toString("hex");
    applied.onApplied(() => history.applied(`${this.host}/${incarnation}`, applied.state));
    const log = { walId: `log-${this.id}`, walIndex: 0, walDamaged: false };
    const listeners = [{ name: "PLAINTEXT", host: this.host, port: 9_092 }];
    const identity = { ...log, id: this.id, incarnation, host: this.host, rack: "", listeners };
    const link = new ControllerLink({
      applied,
      controllers: nodes.map((node, at) => peers.register(100 + at, { host: node.name, port: PEER_PORT })),
      clock,
      random,
      logger: new RecordingLog(),
      load: () => NO_LOAD,
      fenced: () => this.#sayReady(),
      fatal: (error) => {
        this.endedBy = error;
        this.kill();
      },
    });
    Object.assign(this, { process, applied, link, brokerEpoch: 0, endedBy: undefined });
    this.controller = new Controller(DEFAULTS, { applied, commands: link, random });
    link.start();
    void this.#register(link, identity);
  }

  kill(): void {
    this.process?.crash();
    Object.assign(this, { process: undefined, applied: undefined, controller: undefined, link: undefined });
  }

  async #register(link: ControllerLink, identity: BrokerIdentity): Promise<void> {
    await link.caughtUp();
    this.brokerEpoch = await link.register(identity);
    this.#sayReady();
  }

  /** Until it is so: whoever is told that he is fenced says it again. */
  #sayReady(): void {
    const { controller, process } = this;
    controller?.electLeaders(this.id).catch(() => {
      process?.after(200, () => {
        if (this.applied?.state.brokers.get(this.id)?.fenced === true) this.#sayReady();
      });
    });
  }
}
