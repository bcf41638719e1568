import { must } from "../base/assert.ts";
import type { PeerTransport } from "../io/peer-transport.ts";
import { PEER_LISTENER } from "../model/broker-listener.ts";
import { Peers } from "../peer-net/peers.ts";
import type { Broker } from "../process/broker/broker.ts";
import type { ControlPlane } from "../process/control/control-plane.ts";
import { RemoteControl } from "../process/control/remote-control.ts";
import { NO_LOAD } from "../process/load-meter.ts";
import type { World } from "../process/world.ts";
import type { Log } from "../telemetry/log.ts";
import { CLUSTER_ID, type ControllerCluster, PEER_PORT } from "./controller-cluster.ts";
import { SimBroker } from "./sim-broker.ts";
import type { SimNetwork } from "./sim-io/network.ts";
import type { SimProcess } from "./sim-io/process.ts";

const DEFAULTS = { defaultPartitions: 1, defaultReplicationFactor: 1 };
const KAFKA_PORT = 9_092;

/** One machine of a cluster with its disk: the whole broker, whose metadata comes from the simulated controllers. */
export class ClusterBroker extends SimBroker {
  readonly id: number;
  readonly #cluster: ControllerCluster;
  #transport: PeerTransport | undefined;
  #others: Peers | undefined;

  /** @param host Its machine's name, by which its disk is told from others'. */
  constructor(
    cluster: ControllerCluster,
    id: number,
    network: SimNetwork,
    config: Partial<SimBroker["config"]>,
    log?: Log,
    host = `broker-${id}`,
  ) {
    super(cluster.world, { ...config, nodeId: id }, log, { bucket: cluster.bucket, network }, { host, port: KAFKA_PORT });
    this.id = id;
    this.#cluster = cluster;
  }

  protected override async openControl({ clock, random, log: logger, fatal }: World, process: SimProcess): Promise<ControlPlane> {
    const { peers: network, nodes, history } = this.#cluster;
    const { host } = this.address;
    const transport = network.attach(process, { host });
    this.#transport = transport;
    const peers = new Peers({ transport, clock, random });
    const controllers = nodes.map((node, at) => peers.register(100 + at, { host: node.name, port: PEER_PORT }));
    const listeners = [
      { name: "PLAINTEXT", ...this.address },
      { name: PEER_LISTENER, host, port: PEER_PORT },
    ];
    const options = {
      broker: { id: this.id, host, rack: "", listeners },
      controller: DEFAULTS,
      clusterId: CLUSTER_ID,
    };
    const control = await RemoteControl.open(options, { controllers, clock, random, logger, load: () => NO_LOAD, fatal });
    const { controller } = control;
    const run = `${host}/${history.nextRun()}`;
    history.applied(run, controller.state);
    controller.onApplied((_, entry) => (entry === undefined ? undefined : history.applied(run, controller.state)));
    this.#others = new Peers({ transport, clock, random });
    return control;
  }

  override losePower(): void {
    this.#cluster.peers.losePower(this.address.host);
    super.losePower();
  }

  protected override get others(): Peers | undefined {
    return this.#others;
  }

  protected override async openedIn(process: SimProcess, { replicator }: Broker): Promise<void> {
    const { host } = this.address;
    if (process.alive) await this.#transport?.listen(host, PEER_PORT, must(replicator, "replication of a broker in a cluster").services);
  }
}
