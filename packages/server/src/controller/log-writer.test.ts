import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { ClusterState } from "../cluster/cluster-state.ts";
import { stateHash } from "../cluster/state-hash.ts";
import { asyncOf } from "../testing/async-of.ts";
import { checkClusterState } from "../testing/checkers/cluster-state.ts";
import { MemoryMetadataLog, SharedLog } from "../testing/memory-metadata-log.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { UnreliableMetadataLog } from "../testing/unreliable-metadata-log.ts";
import { CommandLog } from "./command-log.ts";
import { Controller } from "./controller.ts";
import { PENDING_BYTES_MAX } from "./limits.ts";
import { LogWriter } from "./log-writer.ts";
import type { CreateTopicRequest } from "./requests.ts";

// Goal: the controller is right on a log that several write to and that does not always say what happened.
// Method: two or more controllers on one shared log in memory, whose answers are delayed, lost, or come late.

const QUIET = { debug() {}, info() {}, warn() {}, error() {}, with: () => QUIET };

type Node = Readonly<{ commands: CommandLog; controller: Controller; state: ClusterState }>;

class Cluster {
  readonly world: SimWorld;
  readonly shared = new SharedLog();
  readonly fatals: Error[] = [];
  readonly #unknownRatio: number;

  constructor(seed: number, unknownRatio: number) {
    this.world = new SimWorld(seed);
    this.#unknownRatio = unknownRatio;
  }

  async open(name: string): Promise<Node> {
    const { clock, random } = this.world.startProcess(name);
    const inner = new MemoryMetadataLog(this.shared, clock, () => random.between(0, 20));
    const log = new UnreliableMetadataLog(inner, clock, random.fork("unreliable"), this.#unknownRatio);
    const fatal = (error: Error): void => void this.fatals.push(error);
    const commands = await this.run(CommandLog.open({ clusterId: "c" }, { log, clock, random, logger: QUIET, fatal }));
    const { applied } = commands;
    const controller = new Controller({ defaultPartitions: 1, defaultReplicationFactor: 1 }, { applied, commands, random });
    return { commands, controller, state: applied.state };
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.world.settle(promise);
  }
}

const request = (name: string): CreateTopicRequest => ({ name, partitions: -1, replicationFactor: -1, assignments: [], configs: [] });

test("appends whose outcome is unknown are done once", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const cluster = new Cluster(seed, 0.5);
    const node = await cluster.open("one");
    await cluster.run(node.commands.claim());
    await cluster.run(
      node.controller.registerBroker({ id: 1, host: "h", rack: "", walId: "log", walIndex: node.state.index, walDamaged: false }),
    );
    const blocks = [];
    for (let n = 0; n < 10; n += 1) blocks.push(await cluster.run(node.controller.allocateProducerIds(1, 10)));
    deepEqual(
      blocks.map((block) => block.first),
      [0, 10, 20, 30, 40, 50, 60, 70, 80, 90],
      `seed ${seed}: a repeated append would have left a gap`,
    );
    equal(node.state.index, 12);
  }
});

test("an earlier controller is refused, and follows what the later one did", async () => {
  const cluster = new Cluster(1, 0);
  const [first, second] = [await cluster.open("first"), await cluster.open("second")];
  await cluster.run(first.commands.claim());
  await cluster.run(
    first.controller.registerBroker({ id: 1, host: "h", rack: "", walId: "log", walIndex: first.state.index, walDamaged: false }),
  );
  await rejects(cluster.run(second.commands.claim()), { code: "NOT_CONTROLLER" }, "it did not know that somebody had claimed");
  await cluster.run(second.commands.claim());
  await rejects(cluster.run(first.controller.allocateProducerIds(1, 1)), { code: "NOT_CONTROLLER" });
  equal(first.state.controllerEpoch, 2);
  deepEqual(await cluster.run(second.controller.allocateProducerIds(1, 1)), { first: 0, count: 1 });
  // It knows the new epoch by now, and must not use it.
  await rejects(cluster.run(first.controller.allocateProducerIds(1, 1)), { code: "NOT_CONTROLLER" });
});

test("controllers that fight leave one history", async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const cluster = new Cluster(seed, 0.2);
    const controllers = [await cluster.open("a"), await cluster.open("b"), await cluster.open("c")];
    const created: string[] = [];
    const fight = async (node: Node, name: string): Promise<void> => {
      for (let round = 0; round < 8; round += 1) {
        await node.commands.claim().catch(() => {});
        await node.controller
          .registerBroker({ id: 1, host: "h", rack: "", walId: "log", walIndex: node.state.index, walDamaged: false })
          .catch(() => 0);
        await node.controller.electLeaders(1).catch(() => 0);
        const topic = `${name}-${round}`;
        const [result] = await node.controller.createTopics([request(topic)], false);
        if (result?.error === undefined) created.push(topic);
      }
    };
    await cluster.run(Promise.all(controllers.map((node, n) => fight(node, `n${n}`))));
    const reader = await cluster.open("reader");
    deepEqual(cluster.fatals, []);
    checkClusterState(reader.state);
    for (const topic of created) ok(reader.state.topic(topic) !== undefined, `${topic} was answered, seed ${seed}`);
    ok(created.length > 0);
    const again = await cluster.open("again");
    equal(stateHash(again.state), stateHash(reader.state));
  }
});

test("a controller whose log was trimmed behind its back stops", async () => {
  const cluster = new Cluster(3, 0);
  const [paused, other] = [await cluster.open("paused"), await cluster.open("other")];
  await cluster.run(other.commands.claim());
  const { clock } = cluster.world.startProcess("trimmer");
  const log = new MemoryMetadataLog(cluster.shared, clock);
  await cluster.run(log.putSnapshot(1, asyncOf([])));
  await cluster.run(log.trimBelow(2));
  const claim = paused.commands.claim();
  await rejects(cluster.run(claim), /went on without this controller/);
  equal(cluster.fatals.length, 1);
});

test("a log that does not answer makes callers wait up to a limit, then refuses", async () => {
  const { clock } = new SimWorld(1).startProcess("node");
  const stuck = new MemoryMetadataLog(new SharedLog(), clock);
  const unused = (): never => {
    throw new Error("nothing is applied");
  };
  const writer = new LogWriter({ log: stuck, clock, nonce: "00000000000000aa", appliedIndex: () => 0, apply: unused, fatal: unused });
  const command = new Uint8Array(1024 * 1024);
  const waiting = Array.from({ length: PENDING_BYTES_MAX / command.byteLength }, () => writer.submit(command));
  await rejects(writer.submit(command), { code: "OVERLOADED" });
  equal(waiting.length, 64);
});

test("a claim behind a batch that the claimant has not seen is none", async () => {
  const cluster = new Cluster(1, 0);
  const first = await cluster.open("first");
  await cluster.run(first.commands.claim());
  const second = await cluster.open("second");
  ok(await cluster.run(first.commands.sayAlive()));
  equal(await cluster.run(second.commands.claimNext()), false);
  ok(first.commands.isController);
  equal(second.state.index, 2, "what came first is applied");
  equal(await cluster.run(second.commands.claimNext()), true);
  await cluster.run(first.commands.follow());
  ok(!first.commands.isController);
});

test("several claim at once: one is the controller, and all agree", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const cluster = new Cluster(seed, 0.3);
    const all = [await cluster.open("one"), await cluster.open("two"), await cluster.open("three")];
    const claims = await cluster.run(Promise.all(all.map((node) => node.commands.claimNext())));
    equal(claims.filter((claimed) => claimed).length, 1, `seed ${seed}`);
    await cluster.run(Promise.all(all.map((node) => node.commands.follow())));
    deepEqual(
      all.map((node) => node.commands.isController),
      claims,
    );
  }
});

test("a claim at the next index is none behind a batch that was found before its turn: its writer lives", async () => {
  const cluster = new Cluster(1, 0);
  const [one, two] = [await cluster.open("one"), await cluster.open("two")];
  await cluster.run(one.commands.claim());
  await cluster.run(two.commands.follow());
  await cluster.run(one.commands.sayAlive());
  const followed = two.commands.follow();
  equal(await cluster.run(two.commands.claimNext()), false);
  await cluster.run(followed);
  deepEqual([two.state.controllerEpoch, two.commands.isController], [1, false]);
});
