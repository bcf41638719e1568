import type { ClusterState } from "../cluster/cluster-state.ts";
import type { Controller } from "../controller/controller.ts";
import { Peers } from "../peer-net/peers.ts";
import { RemoteControl } from "../process/control/remote-control.ts";
import { NO_LOAD } from "../process/load-meter.ts";
import { CLUSTER_ID, type ControllerCluster, PEER_PORT } from "./controller-cluster.ts";
import { RecordingLog } from "./recording-log.ts";
import type { SimProcess } from "./sim-io/process.ts";

const DEFAULTS = { defaultPartitions: 1, defaultReplicationFactor: 1 };

/** A broker as the control plane sees it: a session, a state, and whoever wants something changed. It keeps no records. */
export class BrokerNode {
  readonly id: number;
  readonly #cluster: ControllerCluster;
  process: SimProcess | undefined;
  /** Undefined until it knows what is in the log. */
  control: RemoteControl | undefined;
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

  get controller(): Controller | undefined {
    return this.control?.controller;
  }

  get state(): ClusterState | undefined {
    return this.controller?.state;
  }

  get isReady(): boolean {
    const known = this.state?.brokers.get(this.id);
    return known !== undefined && known.epoch === this.brokerEpoch && !known.fenced && this.control?.problem === undefined;
  }

  start(): void {
    const { world, peers: network, nodes } = this.#cluster;
    const process = world.startProcess(this.host);
    const { clock, random } = process;
    const peers = new Peers({ transport: network.attach(process, { host: this.host }), clock, random });
    const controllers = nodes.map((node, at) => peers.register(100 + at, { host: node.name, port: PEER_PORT }));
    Object.assign(this, { process, control: undefined, brokerEpoch: 0, endedBy: undefined });
    const fatal = (error: Error): void => {
      if (this.process !== process) return;
      this.endedBy = error;
      this.kill();
    };
    const listeners = [{ name: "PLAINTEXT", host: this.host, port: 9_092 }];
    const options = { broker: { id: this.id, host: this.host, rack: "", listeners }, controller: DEFAULTS, clusterId: CLUSTER_ID };
    const parts = { controllers, clock, random, logger: new RecordingLog(), load: () => NO_LOAD, fatal };
    RemoteControl.open(options, parts)
      .then((control) => (this.process === process ? this.#begin(control) : undefined))
      .catch(fatal);
  }

  kill(): void {
    this.process?.crash();
    Object.assign(this, { process: undefined, control: undefined });
  }

  async #begin(control: RemoteControl): Promise<void> {
    this.control = control;
    const { controller } = control;
    const { history } = this.#cluster;
    const run = `${this.host}/${history.nextRun()}`;
    history.applied(run, controller.state);
    controller.onApplied((_, entry) => (entry === undefined ? undefined : history.applied(run, controller.state)));
    this.brokerEpoch = await control.register({ walId: `log-${this.id}`, walIndex: 0, walDamaged: false });
    await control.lead();
  }
}
