import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { PartitionState } from "../cluster/cluster-state.ts";
import type { BrokerLife } from "../cluster/commands.ts";
import type { Clock } from "../io/clock.ts";
import { MemoryMetadataLog, SharedLog } from "../testing/memory-metadata-log.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { CommandLog } from "./command-log.ts";
import { Controller, type ControllerOptions } from "./controller.ts";
import type { CreateTopicRequest } from "./requests.ts";

/** A controller with brokers that are ready, each on a host of its own unless it says which. */
class Cluster {
  readonly world: SimWorld;
  readonly clock: Clock;
  readonly #controller: Controller;

  static async start(hosts: readonly string[], options: Partial<ControllerOptions> = {}): Promise<Cluster> {
    const world = new SimWorld(1);
    const { clock, random } = world.startProcess("controller");
    const parts = { log: new MemoryMetadataLog(new SharedLog(), clock), clock, random, logger: new RecordingLog() };
    const fatal = (error: Error): void => {
      throw error;
    };
    const commands = await world.settle(CommandLog.open({ clusterId: "cluster-1" }, { ...parts, fatal }));
    await world.settle(commands.claim());
    const defaults = { defaultPartitions: 1, defaultReplicationFactor: 3, ...options };
    const cluster = new Cluster(world, clock, new Controller(defaults, { applied: commands.applied, commands, random }));
    for (const [at, host] of hosts.entries()) await cluster.addBroker(at + 1, host);
    return cluster;
  }

  private constructor(world: SimWorld, clock: Clock, controller: Controller) {
    this.world = world;
    this.clock = clock;
    this.#controller = controller;
  }

  /** Each call runs to its end. */
  run<T>(ask: (controller: Controller) => Promise<T>): Promise<T> {
    return this.world.settle(ask(this.#controller));
  }

  async addBroker(id: number, host: string): Promise<void> {
    await this.run((controller) => controller.registerBroker({ id, host, rack: "", walId: `log-${id}`, walIndex: 0, walDamaged: false }));
    await this.run((controller) => controller.electLeaders(id));
  }

  fence(broker: number): Promise<number> {
    return this.run((controller) => controller.fenceBroker(broker, this.life(broker).brokerEpoch));
  }

  /** The code and text of its refusal, or its replication factor. */
  async create(name: string, more: Partial<CreateTopicRequest> = {}): Promise<string | number> {
    const request = { name, partitions: -1, replicationFactor: -1, assignments: [], configs: [], ...more };
    const [result] = await this.run((controller) => controller.createTopics([request], false));
    const { error } = must(result, "a result");
    return error === undefined ? this.partition(name).replicas.length : `${error.code}: ${error.message}`;
  }

  partition(topic: string, index = 0): PartitionState {
    return must(this.#controller.state.partition(topic, index), "partition");
  }

  life(broker: number): BrokerLife {
    return { broker, brokerEpoch: must(this.#controller.state.brokers.get(broker), "broker").epoch };
  }
}

test("a topic has three replicas, and with fewer brokers that are ready there is none of it", async () => {
  const cluster = await Cluster.start(["a", "b", "c"]);
  equal(await cluster.create("whole"), 3);
  await cluster.fence(2);
  equal(await cluster.create("half"), "INVALID_REPLICATION_FACTOR: Replication factor: 3 larger than available brokers: 2.");
  equal(await cluster.create("two", { replicationFactor: 2 }), 2);
  const more = await cluster.run((controller) => controller.createPartitions([{ name: "whole", count: 2, assignments: undefined }], false));
  match(must(more[0]?.error, "refused").message, /^Replication factor: 3 larger than available brokers: 2/);
});

test("brokers of one host are told why they are no three", async () => {
  const cluster = await Cluster.start(["a", "a", "b"]);
  match(
    `${await cluster.create("t", { replicationFactor: 3 })}`,
    /larger than available hosts: 2, on which 3 brokers run\. .*host-name of a broker says where it runs/,
  );
});

test("a topic of our own has as many replicas as there are hosts, up to three, and waits for those that are away", async () => {
  const alone = await Cluster.start(["a", "a"]);
  await alone.run((controller) => controller.createInternalTopic("@own", 1));
  equal(alone.partition("@own").replicas.length, 1);
  const cluster = await Cluster.start(["a", "b", "c", "d"]);
  await cluster.fence(4);
  await cluster.fence(1);
  await rejects(
    cluster.run((controller) => controller.createInternalTopic("@own", 1)),
    { code: "INVALID_REPLICATION_FACTOR" },
  );
  await cluster.run((controller) => controller.electLeaders(1));
  await cluster.run((controller) => controller.createInternalTopic("@own", 1));
  equal(cluster.partition("@own").replicas.length, 3);
});

test("who does not say how many gets what fits on the hosts, up to the default", async () => {
  const two = await Cluster.start(["a", "a", "b"]);
  equal(await two.create("default"), 2);
  const four = await Cluster.start(["a", "b", "c", "d"], { defaultReplicationFactor: 3 });
  equal(await four.create("default"), 3);
  equal(await four.create("by-hand", { assignments: [{ partition: 0, brokers: [1, 2, 3, 4] }] }), 4);
  await four.fence(1);
  await four.fence(2);
  match(`${await four.create("waits")}`, /^INVALID_REPLICATION_FACTOR: Replication factor: 3 larger than/);
});

test("in-sync sets, damage, leaders and replicas are changed through the controller, and refused with what to do", async () => {
  const cluster = await Cluster.start(["a", "b", "c", "d"]);
  const assignments = [{ partition: 0, brokers: [1, 2, 3] }];
  equal(await cluster.create("t", { assignments }), 3);
  const { id } = cluster.partition("t");
  const wish = {
    partitionId: id,
    leaderEpoch: 0,
    partitionEpoch: cluster.partition("t").partitionEpoch,
    to: [cluster.life(1), cluster.life(2)],
  };
  deepEqual(await cluster.run((controller) => controller.changeInSync(1, wish)), [1, 2]);
  const alone = { ...wish, partitionEpoch: wish.partitionEpoch + 1, to: [cluster.life(1)] };
  await rejects(
    cluster.run((controller) => controller.changeInSync(1, alone)),
    { code: "NOT_ENOUGH_REPLICAS", message: /wait until more are in sync, or lower min.insync.replicas. left=1 needed=2/ },
  );
  await rejects(
    cluster.run((controller) => controller.changeInSync(2, alone)),
    { code: "NOT_LEADER" },
  );
  await rejects(
    cluster.run((controller) => controller.electLeader(id, 0, 3)),
    { code: "PREFERRED_LEADER_NOT_AVAILABLE" },
  );
  equal(await cluster.run((controller) => controller.electLeader(id, 0, 2)), 1);
  deepEqual(await cluster.run((controller) => controller.reassign(id, [4, 2])), [4, 2, 1, 3]);
  deepEqual(await cluster.run((controller) => controller.reassign(id, undefined)), [1, 2, 3]);
  equal(await cluster.run((controller) => controller.reportDamage(2, [id])), 1);
  deepEqual([cluster.partition("t").leader, cluster.partition("t").inSync], [1, [1]]);
});

test("a reassignment is judged as Kafka judges it", async () => {
  const cluster = await Cluster.start(["a", "b", "c", "d"]);
  await cluster.create("t", { assignments: [{ partition: 0, brokers: [1] }] });
  const { id } = cluster.partition("t");
  const reassign = (replicas: readonly number[] | undefined, partitionId = id) =>
    cluster.run((controller) => controller.reassign(partitionId, replicas));
  const bad = (text: string) => ({ code: "INVALID_REPLICA_ASSIGNMENT", message: `The manual partition assignment includes ${text}` });
  await rejects(reassign([]), bad("an empty replica list."));
  await rejects(reassign([2, 2]), bad("the broker 2 more than once."));
  await rejects(reassign([2, 9]), bad("broker 9, but no such broker is registered."));
  await rejects(reassign([2], 999), { code: "UNKNOWN_TOPIC_OR_PARTITION" });
  await rejects(reassign(undefined), { code: "NO_REASSIGNMENT_IN_PROGRESS" });
  await reassign([2, 3]);
  const more = await cluster.run((controller) => controller.createPartitions([{ name: "t", count: 2, assignments: undefined }], false));
  equal(more[0]?.error, undefined);
  equal(cluster.partition("t", 1).replicas.length, 2, "as many as the others are to have");
});
