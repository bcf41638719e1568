import { must } from "../../base/assert.ts";
import { minInSync } from "../../cluster/rules.ts";
import type { Controller } from "../../controller/controller.ts";
import { PEER_LISTENER } from "../../model/broker-listener.ts";
import type { Peer } from "../../peer-net/peer.ts";
import type { Peers } from "../../peer-net/peers.ts";
import type { InSyncChange, ReplicationState } from "../../replication/replicator.ts";

/** The metadata of the cluster, as replication asks it. */
export class ClusterReplicationState implements ReplicationState {
  readonly clusterId: string;
  readonly #controller: Controller;
  readonly #brokerId: number;

  constructor(controller: Controller, brokerId: number) {
    this.clusterId = controller.state.clusterId;
    this.#controller = controller;
    this.#brokerId = brokerId;
  }

  get metadataIndex(): number {
    return this.#controller.state.index;
  }

  brokerEpoch(broker: number): number | undefined {
    return this.#controller.state.brokers.get(broker)?.epoch;
  }

  isReady(broker: number): boolean {
    return this.#controller.state.brokers.get(broker)?.fenced === false;
  }

  minInSync(partitionId: number): number {
    const { state } = this.#controller;
    return minInSync(state, must(state.partitions.get(partitionId), "a partition that is led here"));
  }

  async changeInSync({ partitionId, leaderEpoch, to }: InSyncChange): Promise<void> {
    const { partitionEpoch } = must(this.#controller.state.partitions.get(partitionId), "a partition that is led here");
    const members = to.map((broker) => ({ broker, brokerEpoch: this.brokerEpoch(broker) ?? 0 }));
    await this.#controller.changeInSync(this.#brokerId, { partitionId, leaderEpoch, partitionEpoch, to: members });
  }
}

/** How the broker is reached by others, as it registered last. */
export function peerOf(controller: Controller, peers: Peers, broker: number): Peer | undefined {
  const address = controller.state.brokers.get(broker)?.listeners.find(({ name }) => name === PEER_LISTENER);
  return address === undefined ? undefined : peers.register(broker, { host: address.host, port: address.port });
}
