import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { QueueError } from "../base/errors.ts";
import type { Effect } from "../cluster/effects.ts";
import { stateHash } from "../cluster/state-hash.ts";
import { LocalMetadataLog } from "../metadata-log/local/local-log.ts";
import { checkClusterState } from "../testing/checkers/cluster-state.ts";
import { SimDisk } from "../testing/sim-io/disk.ts";
import type { SimProcess } from "../testing/sim-io/process.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { CommandLog } from "./command-log.ts";
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
  readonly world: SimWorld;
  readonly disk: SimDisk;
  readonly fatals: Error[] = [];

  constructor(seed = 1) {
    this.world = new SimWorld(seed);
    this.disk = new SimDisk(this.world, "disk");
  }

  async run<T>(promise: Promise<T>): Promise<T> {
    const result = await this.world.settle(promise);
    deepEqual(this.fatals, []);
    return result;
  }

  start(): Promise<Node> {
    return this.run(this.#start());
  }

  async #start(): Promise<Node> {
    const process = this.world.startProcess("node");
    const fatal = (error: Error): void => void this.fatals.push(error);
    const parts = { clock: process.clock, random: process.random, logger: QUIET, fatal };
    const log = await LocalMetadataLog.open({ ...parts, disk: this.disk.mount(process) });
    const commands = await CommandLog.open({ clusterId: log.clusterId }, { ...parts, log });
    const defaults = { defaultPartitions: 1, defaultReplicationFactor: 1 };
    const controller = new Controller(defaults, { applied: commands.applied, commands, random: process.random });
    const effects: Effect[] = [];
    controller.onApplied((more) => effects.push(...more));
    await commands.claim();
    await controller.registerBroker({ id: 1, host: "host", rack: "", walId: "log", walIndex: controller.state.index, walDamaged: false });
    await controller.electLeaders(1);
    return { process, controller, log, effects };
  }
}

const NAMES_AND_PROBLEMS: readonly (readonly [string, string])[] = [
  ["", "the empty string is not allowed"],
  [".", "'.' is not allowed"],
  ["..", "'..' is not allowed"],
  ["x".repeat(250), `the length of '${"x".repeat(250)}' is longer than the max allowed length 249`],
  ["a b", "'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"],
  ["ä", "'ä' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"],
];

/** `code: message` of each result, or `ok`. */
function told(results: readonly Readonly<{ error: QueueError | undefined }>[]): string[] {
  return results.map(({ error }) => (error === undefined ? "ok" : `${error.code}: ${error.message}`));
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

test("names are judged as Kafka judges them", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  const create = (requests: readonly CreateTopicRequest[]) => machine.run(controller.createTopics(requests, false));
  for (const [name, problem] of NAMES_AND_PROBLEMS)
    deepEqual(told(await create([request(name)])), [`INVALID_TOPIC: Topic name is invalid: ${problem}`]);
  deepEqual(told(await create([request("x".repeat(249)), request("a.b"), request("A-Z_09")])), ["ok", "ok", "ok"]);
  deepEqual(told(await create([request("a.b"), request("a_b")])), [
    "TOPIC_EXISTS: Topic 'a.b' already exists.",
    "INVALID_TOPIC: Topic 'a_b' collides with existing topic: a.b",
  ]);
  deepEqual(told(await create([request("twice"), request("twice"), request("once")])), [
    "INVALID_REQUEST: Duplicate topic name.",
    "INVALID_REQUEST: Duplicate topic name.",
    "ok",
  ]);
});

test("two that collide are created in one request: one wins", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  const results = await machine.run(controller.createTopics([request("c.d"), request("c_d")], false));
  deepEqual(told(results), ["ok", "INVALID_TOPIC: Topic 'c_d' collides with existing topic: c.d"]);
});

test("numbers of partitions and replicas are judged as Kafka judges them", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  const outcome = async (more: Partial<CreateTopicRequest>) =>
    told(await machine.run(controller.createTopics([request("t", more)], true)))[0];
  const nonPositive = "INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.";
  equal(await outcome({ partitions: 0 }), nonPositive);
  equal(await outcome({ partitions: -2 }), nonPositive);
  match((await outcome({ partitions: 10_001 })) ?? "", /^INVALID_PARTITIONS: A topic has at most 10000 partitions/);
  const factor = "INVALID_REPLICATION_FACTOR: Replication factor must be larger than 0, or -1 to use the default value.";
  equal(await outcome({ replicationFactor: 0 }), factor);
  equal(await outcome({ replicationFactor: -2 }), factor);
  equal(await outcome({ replicationFactor: 3 }), "INVALID_REPLICATION_FACTOR: Replication factor: 3 larger than available brokers: 1.");
  equal(await outcome({ partitions: 3, replicationFactor: 1 }), "ok");
});

test("what is new goes to brokers that are ready", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  const brokersOf = async (name: string) => {
    await machine.run(controller.createTopics([request(name, { partitions: 4 })], false));
    return controller.state.partitionsOf(must(controller.state.topic(name), name)).map(({ replicas }) => replicas.join());
  };
  await machine.run(controller.registerBroker({ id: 2, host: "h2", rack: "", walId: "log-2", walIndex: 0, walDamaged: false }));
  deepEqual(await brokersOf("before"), ["1", "1", "1", "1"]);
  await machine.run(controller.electLeaders(2));
  // The new one has less, so it gets more; but not all of a topic.
  deepEqual((await brokersOf("both")).sort(), ["1", "2", "2", "2"]);
  await machine.run(controller.fenceBroker(1, must(controller.state.brokers.get(1), "broker").epoch));
  deepEqual(await brokersOf("after"), ["2", "2", "2", "2"]);
  const [refused] = await machine.run(controller.createTopics([request("two", { replicationFactor: 2 })], false));
  equal(refused?.error?.code, "INVALID_REPLICATION_FACTOR");
});

test("manual assignments are judged as Kafka judges them", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  const outcome = async (assignments: CreateTopicRequest["assignments"], more: Partial<CreateTopicRequest> = {}) =>
    told(await machine.run(controller.createTopics([request("t", { assignments, ...more })], true)))[0];
  const at = (partition: number, ...brokers: number[]) => ({ partition, brokers });
  const bad = (text: string) => `INVALID_REPLICA_ASSIGNMENT: ${text}`;
  equal(await outcome([at(1, 1), at(0, 1)]), "ok");
  equal(await outcome([at(0, 1), at(0, 1)]), bad("Found multiple manual partition assignments for partition 0"));
  equal(await outcome([at(0, 1), at(2, 1)]), bad("partitions should be a consecutive 0-based integer sequence"));
  equal(await outcome([at(0)]), bad("The manual partition assignment includes an empty replica list."));
  equal(await outcome([at(0, 7)]), bad("The manual partition assignment includes broker 7, but no such broker is registered."));
  equal(await outcome([at(0, 1, 1)]), bad("The manual partition assignment includes the broker 1 more than once."));
  await machine.run(controller.registerBroker({ id: 2, host: "h2", rack: "", walId: "log-2", walIndex: 0, walDamaged: false }));
  equal(await outcome([at(0, 1, 2), at(1, 2, 1)]), "ok", "one of them is ready");
  const fenced = "All brokers specified in the manual partition assignment for partition 1 are fenced or in controlled shutdown.";
  equal(await outcome([at(0, 1), at(1, 2)]), bad(fenced));
  match((await outcome([at(0, 1)], { partitions: 1 })) ?? "", /^INVALID_REQUEST: .*numPartitions was not set to -1/);
  match((await outcome([at(0, 1)], { replicationFactor: 1 })) ?? "", /^INVALID_REQUEST: .*replication factor was not set to -1/);
});

test("validateOnly answers and changes nothing", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  const { index } = controller.state;
  const [result] = await machine.run(controller.createTopics([request("t", { partitions: 4 })], true));
  deepEqual(result, {
    name: "t",
    error: undefined,
    topicId: "AAAAAAAAAAAAAAAAAAAAAA",
    partitions: 4,
    replicationFactor: 1,
    configs: new Map(),
  });
  equal(controller.state.index, index);
});

test("options of a new topic are judged", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  const outcome = async (name: string, value: string | null) =>
    told(await machine.run(controller.createTopics([request("t", { configs: [{ name, value }] })], true)))[0];
  equal(await outcome("no.such.option", "1"), "INVALID_CONFIG: Unknown topic config name: no.such.option");
  equal(await outcome("retention.ms", null), "INVALID_CONFIG: Null value not supported for topic configs: retention.ms");
  match((await outcome("retention.ms", "soon")) ?? "", /^INVALID_CONFIG: /);
  match((await outcome("cleanup.policy", "x".repeat(5000))) ?? "", /^INVALID_CONFIG: /);
  equal(await outcome("cleanup.policy", "compact"), "ok");
});

test("options change incrementally, all or none", async () => {
  const machine = new Machine();
  const { controller, effects } = await machine.start();
  await machine.run(controller.createTopics([request("t")], false));
  const alter = (...operations: ConfigOperation[]) => machine.run(controller.alterTopicConfigs("t", operations, false));
  const set = (name: string, value: string | null) => ({ name, operation: "set", value }) as const;
  const configs = () => Object.fromEntries(controller.state.topic("t")?.configs ?? []);
  await alter(set("retention.ms", "1000"), { name: "cleanup.policy", operation: "append", value: "compact" });
  deepEqual(configs(), { "retention.ms": "1000", "cleanup.policy": "delete,compact" });
  await alter(
    { name: "cleanup.policy", operation: "subtract", value: "delete" },
    { name: "retention.ms", operation: "delete", value: null },
  );
  deepEqual(configs(), { "cleanup.policy": "compact" });
  await rejects(alter(set("retention.ms", "5"), set("segment.bytes", "x")), { code: "INVALID_CONFIG" });
  await rejects(alter({ name: "retention.ms", operation: "append", value: "5" }), {
    code: "INVALID_CONFIG",
    message: "Can't APPEND to key retention.ms because its type is not LIST.",
  });
  await rejects(alter(set("retention.ms", null)), { code: "INVALID_REQUEST" });
  await rejects(alter(set("retention.ms", "1"), set("retention.ms", "2")), {
    code: "INVALID_REQUEST",
    message: "Error due to duplicate config keys",
  });
  await rejects(alter(set("min.compaction.lag.ms", "9"), set("max.compaction.lag.ms", "1")), { code: "INVALID_CONFIG" });
  await rejects(machine.run(controller.alterTopicConfigs("none", [], false)), { code: "UNKNOWN_TOPIC_OR_PARTITION" });
  deepEqual(configs(), { "cleanup.policy": "compact" });
  equal(effects.filter((effect) => effect.kind === "topic-configs-changed").length, 2);
});

test("appends to one option at the same time all take effect", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  await machine.run(controller.createTopics([request("t")], false));
  const name = "leader.replication.throttled.replicas";
  const replicas = Array.from({ length: 12 }, (_, n) => `${n}:1`);
  const append = (value: string) => controller.alterTopicConfigs("t", [{ name, operation: "append", value }], false);
  await machine.run(Promise.all(replicas.map(append)));
  deepEqual(controller.state.topic("t")?.configs.get(name)?.split(",").sort(), [...replicas].sort());
});

test("partitions are added, never taken away", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  await machine.run(controller.createTopics([request("t", { partitions: 2 })], false));
  const add = async (name: string, count: number, assignments?: number[][]) =>
    told(await machine.run(controller.createPartitions([{ name, count, assignments }], false)))[0];
  equal(await add("t", 2), "INVALID_PARTITIONS: Topic already has 2 partition(s).");
  equal(await add("t", 1), "INVALID_PARTITIONS: The topic t currently has 2 partition(s); 1 would not be an increase.");
  equal(await add("none", 3), "UNKNOWN_TOPIC_OR_PARTITION: This server does not host this topic-partition.");
  equal(
    await add("t", 4, [[1]]),
    "INVALID_REPLICA_ASSIGNMENT: Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
  );
  match((await add("t", 3, [[1, 2]])) ?? "", /^INVALID_REPLICA_ASSIGNMENT: .*broker 2, but no such broker/);
  equal(await add("t", 3, [[1]]), "ok");
  equal(await add("t", 5), "ok");
  equal(controller.state.partition("t", 4)?.leader, 1);
});

test("topics are deleted by name and by id", async () => {
  const machine = new Machine();
  const { controller, effects } = await machine.start();
  const [a, b] = await machine.run(controller.createTopics([request("a"), request("b")], false));
  const topicId = b !== undefined && b.error === undefined ? b.topicId : "";
  const gone = "AAAAAAAAAAAAAAAAAAAAAQ";
  const results = await machine.run(
    controller.deleteTopics([
      { name: "a", topicId: undefined },
      { name: undefined, topicId },
      { name: "c", topicId: undefined },
      { name: undefined, topicId: gone },
    ]),
  );
  deepEqual(told(results), [
    "ok",
    "ok",
    "UNKNOWN_TOPIC_OR_PARTITION: This server does not host this topic-partition.",
    "UNKNOWN_TOPIC_ID: This server does not host this topic ID.",
  ]);
  equal(results[1]?.name, "b");
  ok(a !== undefined);
  equal(controller.state.topicsById.size, 0);
  equal(effects.filter((effect) => effect.kind === "topic-deleted").length, 2);
});

test("producer ids are never given twice, not even after a kill", async () => {
  const machine = new Machine();
  const given = new Set<number>();
  for (let start = 0; start < 3; start += 1) {
    const { controller } = await machine.start();
    const blocks = await machine.run(Promise.all([1, 2, 3].map(() => controller.allocateProducerIds(1, 10))));
    for (const { first, count } of blocks) for (let id = first; id < first + count; id += 1) given.add(id);
    machine.disk.losePower();
  }
  equal(given.size, 90);
});

test("commands that arrive together share an append, and listeners hear before callers", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  const { index } = controller.state;
  const { syncs } = machine.disk.counts;
  const heard: number[] = [];
  controller.onApplied((effects) => heard.push(effects.length));
  const names = Array.from({ length: 50 }, (_, n) => request(`t${n}`));
  await machine.run(controller.createTopics(names, false).then(() => deepEqual(heard, [100])));
  equal(controller.state.index, index + 1);
  equal(machine.disk.counts.syncs, syncs + 1);
});

test("snapshots keep the log short, and what is loaded from them is the same state", async () => {
  const machine = new Machine();
  let node = await machine.start();
  const configs = [{ name: "leader.replication.throttled.replicas", value: Array.from({ length: 300 }, (_, n) => `${n}:1`).join(",") }];
  for (let round = 0; round < 8; round += 1) {
    const names = Array.from({ length: 100 }, (_, n) => request(`t${round}-${n}`, { configs, partitions: 2 }));
    deepEqual(new Set(told(await machine.run(node.controller.createTopics(names, false)))), new Set(["ok"]));
  }
  await machine.run(node.controller.close());
  const snapshot = must(await machine.run(node.log.latestSnapshot()), "snapshot");
  ok(snapshot.index > 1 && snapshot.index <= node.controller.state.index);
  equal((await machine.run(node.log.readFrom(1))).kind, "trimmed");
  const before = stateHash(node.controller.state);
  const indexBefore = node.controller.state.index;
  node.process.crash();
  const process = machine.world.startProcess("reader");
  const parts = { clock: process.clock, random: process.random, logger: QUIET, fatal() {} };
  const log = await machine.run(LocalMetadataLog.open({ ...parts, disk: machine.disk.mount(process) }));
  const { applied } = await machine.run(CommandLog.open({ clusterId: log.clusterId }, { ...parts, log }));
  equal(applied.state.index, indexBefore);
  equal(stateHash(applied.state), before);
  process.crash();
  node = await machine.start();
  equal(node.controller.state.topicsById.size, 800);
});

test("a log that fails ends the process and answers nobody with success", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  machine.disk.faults.writeErrorRatio = 1;
  const create = (name: string) => machine.world.settle(controller.createTopics([request(name)], false)).then(told);
  deepEqual(await create("t"), ["INTERNAL: internal error"]);
  ok(machine.fatals.length > 0);
  machine.disk.faults.writeErrorRatio = 0;
  deepEqual(await create("t"), ["INTERNAL: internal error"]);
  equal(controller.state.topic("t"), undefined);
});

test("after close nothing is taken any more, and what was under way is done", async () => {
  const machine = new Machine();
  const { controller } = await machine.start();
  const before = controller.createTopics([request("before")], false);
  await machine.run(controller.close());
  deepEqual(told(await before), ["ok"]);
  deepEqual(told(await machine.run(controller.createTopics([request("after")], false))), ["SHUTTING_DOWN: the broker is stopping"]);
});

test("a topic is there after kill -9 at any moment, if it was answered", async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const machine = new Machine(seed);
    const first = await machine.start();
    const answered: string[] = [];
    for (let n = 0; n < 30; n += 1)
      void first.controller.createTopics([request(`t${n}`)], false).then((results) => {
        if (told(results)[0] === "ok") answered.push(`t${n}`);
      });
    await machine.world.run(machine.world.nowMs + machine.world.random.float() * 3);
    machine.disk.losePower();
    const { controller } = await machine.start();
    for (const name of answered) ok(controller.state.topic(name) !== undefined, `${name} was answered, seed ${seed}`);
    checkClusterState(controller.state);
  }
});
