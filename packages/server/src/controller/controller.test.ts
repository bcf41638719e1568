import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { Effect } from "../cluster/effects.ts";
import { stateHash } from "../cluster/state-hash.ts";
import { LocalMetadataLog } from "../metadata-log/local.ts";
import { SimDisk } from "../testing/sim-io/disk.ts";
import type { SimProcess } from "../testing/sim-io/process.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { Controller } from "./controller.ts";
import type { ConfigOperation, CreateTopicRequest } from "./requests.ts";

const QUIET = { debug() {}, info() {}, warn() {}, error() {}, with: () => QUIET };

const request = (name: string, more: Partial<CreateTopicRequest> = {}): CreateTopicRequest => ({
  name,
  partitions: -1,
  replicationFactor: -1,
  assignments: [],
  configs: [],
  ...more,
});

type Node = Readonly<{ process: SimProcess; controller: Controller; log: LocalMetadataLog; effects: Effect[] }>;

/** A node on a simulated disk, which can be started again and again. */
class Machine {
  readonly world = new SimWorld(1);
  readonly disk = new SimDisk(this.world, "disk");

  run<T>(promise: Promise<T>): Promise<T> {
    return this.world.settle(promise);
  }

  start(): Promise<Node> {
    return this.run(this.#start());
  }

  async #start(): Promise<Node> {
    const process = this.world.startProcess("node");
    const fatal = (error: Error): never => {
      throw error;
    };
    const parts = { clock: process.clock, random: process.random, logger: QUIET, fatal };
    const log = await LocalMetadataLog.open({ ...parts, disk: this.disk.mount(process) });
    const options = { clusterId: log.clusterId, defaultPartitions: 1, defaultReplicationFactor: 1 };
    const controller = await Controller.open(options, { ...parts, log });
    const effects: Effect[] = [];
    controller.onApplied((more) => effects.push(...more));
    await controller.claim();
    await controller.registerBroker({ id: 1, host: "host", rack: "" });
    await controller.electLeaders(1);
    return { process, controller, log, effects };
  }
}

test("a topic is there after a restart, led in a new epoch", async () => {
  const machine = new Machine();
  const first = await machine.start();
  const [created] = await machine.run(
    first.controller.createTopics([request("orders", { partitions: 3, configs: [{ name: "retention.ms", value: "1000" }] })], false),
  );
  ok(created !== undefined && created.error === undefined);
  equal(created.partitions, 3);
  equal(first.controller.state.partition("orders", 2)?.leader, 1);
  machine.disk.losePower();

  const second = await machine.start();
  const topic = must(second.controller.state.topic("orders"), "topic");
  equal(topic.id, created.topicId);
  deepEqual([...topic.configs], [["retention.ms", "1000"]]);
  deepEqual(topic.partitions, [1, 2, 3]);
  const partition = must(second.controller.state.partition("orders", 0), "partition");
  equal(partition.leader, 1);
  ok(partition.leaderEpoch > 0, "nobody resumes an old leader epoch");
  equal(second.controller.state.brokers.get(1)?.epoch, 2);
});
