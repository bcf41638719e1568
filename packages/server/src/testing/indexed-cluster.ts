import { deepEqual, equal, ok } from "node:assert/strict";
import { must } from "../base/assert.ts";
import type { Controller } from "../controller/controller.ts";
import { objectKey } from "../model/object-id.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import { BrokerNode } from "./broker-node.ts";
import { ControllerCluster } from "./controller-cluster.ts";

/** Of the only topic. */
export const INDEXED_PARTITIONS = 6;

/** Three controllers and two brokers without records under a seed, with an object index. */
export class IndexedCluster {
  readonly controllers: ControllerCluster;
  readonly brokers: readonly BrokerNode[];

  constructor(seed: number) {
    this.controllers = new ControllerCluster(seed, 3);
    this.controllers.start();
    this.controllers.stopSubmitting();
    this.brokers = [1, 2].map((id) => new BrokerNode(this.controllers, id));
    for (const broker of this.brokers) broker.start();
  }

  /** Every partition has one object, of its leader; the first of each leader has a manifest, too. */
  async filled(): Promise<void> {
    const knowsAll = ({ isReady, state }: BrokerNode): boolean => {
      return isReady && this.brokers.every(({ id }) => state?.brokers.get(id)?.fenced === false);
    };
    ok(await this.controllers.until(25_000, () => this.brokers.every(knowsAll)));
    const request = { name: "orders", partitions: INDEXED_PARTITIONS, replicationFactor: 1, assignments: [], configs: [] };
    await this.settle(this.controllerOf(1).createTopics([request], false));
    ok(await this.controllers.until(5_000, () => this.brokers.every(({ state }) => state?.partitions.size === INDEXED_PARTITIONS)));
    for (const { id } of this.brokers) for (const partitionId of this.ledBy(id)) await this.commit(id, partitionId, 0);
    for (const { id } of this.brokers) await this.merge(id, must(this.ledBy(id)[0], "a partition"));
  }

  controllerOf(broker: number): Controller {
    return must(this.brokers[broker - 1]?.controller, "controller of a broker");
  }

  get leader() {
    return must(this.controllers.leaders[0], "a controller that leads");
  }

  ledBy(broker: number): number[] {
    return [...this.controllerOf(broker).state.partitions.values()].flatMap(({ id, leader }) => (leader === broker ? id : []));
  }

  async commit(broker: number, partitionId: number, startOffset: number): Promise<void> {
    const range = this.#range(broker, partitionId, startOffset);
    const [verdict] = await this.settle(this.controllerOf(broker).commitObject(broker, [range]));
    deepEqual(verdict, { accepted: true, refusal: undefined, uploadedEnd: startOffset + 10 });
  }

  /** The oldest range goes into a manifest. */
  async merge(broker: number, partitionId: number): Promise<void> {
    await this.commit(broker, partitionId, 10);
    const { leaderEpoch } = this.#partition(broker, partitionId);
    const place = { objectBytes: 100, objectCrc: 7, rangeCount: 1, dataBytes: 10 };
    const object = this.#objectId(broker, partitionId * 100 + 99);
    const manifest: ManifestPointer = { partitionId, startOffset: 0, endOffset: 10, maxTimestampMs: 1, object, ...place };
    equal(await this.settle(this.controllerOf(broker).commitManifest(broker, { manifest, previous: undefined, leaderEpoch })), "accepted");
  }

  /** What a broker is told, by key. */
  async named(broker: number): Promise<Readonly<{ objects: string[]; manifests: string[] }>> {
    const { named } = must(this.brokers[broker - 1]?.control, "control plane");
    const objects: string[] = [];
    const manifests: string[] = [];
    const walk = async (): Promise<void> => {
      for await (const { id } of named.records()) objects.push(objectKey("c", id, "records"));
      for await (const { pointer } of named.manifests()) manifests.push(objectKey("c", pointer.object, "manifest"));
    };
    await this.settle(walk());
    return { objects: objects.sort(), manifests: manifests.sort() };
  }

  /** What the leading controller has. */
  get expected(): Readonly<{ objects: string[]; manifests: string[] }> {
    const { state } = must(this.leader.controller, "controller");
    const objects = [...state.objects.values()].map(({ id }) => objectKey("c", id, "records"));
    const manifests = [...state.partitions.values()].flatMap(({ manifest }) =>
      manifest === undefined ? [] : objectKey("c", manifest.object, "manifest"),
    );
    return { objects: objects.sort(), manifests: manifests.sort() };
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return this.controllers.world.settle(promise);
  }

  #partition(broker: number, partitionId: number) {
    return must(this.controllerOf(broker).state.partitions.get(partitionId), "partition");
  }

  #objectId(broker: number, sequence: number) {
    const { brokerEpoch } = must(this.brokers[broker - 1], "broker");
    return { broker, brokerEpoch, sequence, random: sequence.toString(16).padStart(16, "0") };
  }

  #range(broker: number, partitionId: number, startOffset: number): ObjectRange {
    const { leaderEpoch } = this.#partition(broker, partitionId);
    const object = this.#objectId(broker, partitionId * 100 + startOffset);
    const place = { object, objectBytes: 1_000, position: 0, dataBytes: 900, indexBytes: 100, indexCrc: 5 };
    return { partitionId, startOffset, endOffset: startOffset + 10, leaderEpoch, maxTimestampMs: 1, kind: "data", ...place };
  }
}
