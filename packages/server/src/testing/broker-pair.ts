import { must } from "../base/assert.ts";
import type { StartConfig } from "../config/server-config.ts";
import type { Partition } from "../partition/partition.ts";
import type { Broker } from "../process/broker/broker.ts";
import { ClusterBroker } from "./cluster-broker.ts";
import { ControllerCluster } from "./controller-cluster.ts";
import { SimNetwork } from "./sim-io/network.ts";

/** A machine and the broker that runs on it. */
export type PairedBroker = Readonly<{ node: ClusterBroker; broker: Broker }>;

const IN_SYNC_MS_MAX = 10_000;

/** Brokers 1 and 2 on simulated devices, with a controller; whatever topic there is, broker 1 leads it and is followed by 2. */
export class BrokerPair {
  readonly cluster: ControllerCluster;
  readonly first: PairedBroker;
  readonly second: PairedBroker;

  /** @param configs Of broker 1, of broker 2. */
  static async open(...configs: readonly Partial<StartConfig>[]): Promise<BrokerPair> {
    const cluster = new ControllerCluster(1, 1);
    cluster.start();
    cluster.stopSubmitting();
    const network = new SimNetwork(cluster.world);
    const nodes = [1, 2].map((id) => new ClusterBroker(cluster, id, network, configs[id - 1] ?? {}));
    const brokers = await cluster.world.settle(Promise.all(nodes.map((node) => node.start())));
    const [first, second] = nodes.map((node, at) => ({ node, broker: must(brokers[at], "a broker") }));
    return new BrokerPair(cluster, must(first, "broker 1"), must(second, "broker 2"));
  }

  private constructor(cluster: ControllerCluster, first: PairedBroker, second: PairedBroker) {
    this.cluster = cluster;
    this.first = first;
    this.second = second;
  }

  /** Of one partition with these replicas, the leader first; all of them are in sync when it resolves. */
  async createTopic(name: string, brokers: readonly number[] = [1, 2]): Promise<void> {
    const { controller } = this.first.broker;
    const assignments = [{ partition: 0, brokers }];
    const request = { name, partitions: -1, replicationFactor: -1, assignments, configs: [] };
    await this.cluster.world.settle(controller.createTopics([request], false));
    const partition = () => controller.state.partition(name, 0);
    const isReady = () => partition()?.inSync.length === brokers.length && partition()?.leader === brokers[0];
    must((await this.cluster.until(IN_SYNC_MS_MAX, isReady)) || undefined, `${name} is in sync`);
  }

  /** As broker 1 leads it. */
  led(name: string): Partition {
    return must(this.first.broker.partitions.byName(name, 0), `${name} is led`);
  }
}
