import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import { decodeBatch } from "../../cluster/command-codec.ts";
import { keptHash } from "../../cluster/state-hash.ts";
import { parseHeadKey } from "../../metadata-log/object/keys.ts";
import { BrokerNode } from "../../testing/broker-node.ts";
import { ControllerCluster } from "../../testing/controller-cluster.ts";
import { HEALTHY_OBJECT_STORE } from "../../testing/sim-io/object-store.ts";
import { HEALTHY_PEERS } from "../../testing/sim-io/peer-transport.ts";
import { SESSION_MS } from "../limits.ts";

// Goal: brokers know what the cluster agreed on, have changes made, and are fenced when nobody hears them, whatever happens to
// processes, streams and the bucket. Method: three controllers and three brokers under a seed; one history of commands.

const SEEDS = 4;
const SETTLES_WITHIN_MS = 25_000;

class World {
  readonly controllers: ControllerCluster;
  readonly brokers: readonly BrokerNode[];
  #submitting = false;
  #submitted = 0;

  constructor(seed: number) {
    this.controllers = new ControllerCluster(seed, 3);
    this.brokers = [1, 2, 3].map((id) => new BrokerNode(this.controllers, id));
    this.controllers.start();
    this.controllers.stopSubmitting();
    for (const broker of this.brokers) broker.start();
  }

  broker(id: number): BrokerNode {
    return must(this.brokers[id - 1], "broker");
  }

  pass(ms: number): Promise<void> {
    return this.controllers.pass(ms);
  }

  async settled(): Promise<void> {
    const calm = (): boolean => {
      const [leader, ...others] = this.controllers.leaders;
      const index = leader?.controller?.state.index;
      return others.length === 0 && this.brokers.every((broker) => broker.isReady && broker.state?.index === index);
    };
    const isCalm = await this.controllers.until(SETTLES_WITHIN_MS, calm);
    const seen = this.brokers.map(({ id, isReady, state, endedBy }) => `${id} ${isReady} ${state?.index} ${endedBy?.message}`);
    ok(isCalm, `all ready: ${this.controllers.leaders.map(({ name }) => name).join()} ${seen.join(" · ")}`);
    deepEqual(this.controllers.fatals, []);
  }

  /** Brokers ask for changes all the time. */
  submitAlways(): void {
    this.#submitting = true;
    const again = (): void => {
      if (!this.#submitting) return;
      this.#submit();
      this.controllers.world.after(this.controllers.random.between(5, 200), again);
    };
    again();
  }

  stopSubmitting(): void {
    this.#submitting = false;
  }

  #submit(): void {
    const { controller } = this.controllers.random.pick(this.brokers);
    if (controller === undefined) return;
    this.#submitted += 1;
    const name = `change-${this.#submitted}`;
    const changes = [{ name: "interval.ms", value: "1000" }];
    controller.submit({ kind: "set-client-metrics", name, versionBefore: 0, changes }).then(
      (outcome) => this.controllers.history.answered(name, undefined, outcome),
      () => undefined,
    );
  }
}

const request = (name: string) => ({ name, partitions: 3, replicationFactor: 1, assignments: [], configs: [] });

test("brokers register, know the same as the controller, and have topics made", async () => {
  const world = new World(1);
  await world.settled();
  const controller = must(world.broker(2).controller, "controller");
  const [made] = await world.controllers.world.settle(controller.createTopics([request("orders")], false));
  equal(made?.error, undefined);
  equal(controller.state.partitionsOf(must(controller.state.topic("orders"), "orders")).length, 3, "known here before it is answered");
  const [again] = await world.controllers.world.settle(
    must(world.broker(3).controller, "controller").createTopics([request("orders")], false),
  );
  equal(again?.error?.code, "TOPIC_EXISTS");
  await world.settled();
  const whole = must(world.controllers.leaders[0]?.controller, "controller").state;
  for (const { state, id } of world.brokers) equal(keptHash(must(state, "state"), id), keptHash(whole, id));
  deepEqual(controller.state.brokers.get(2)?.listeners, [{ name: "PLAINTEXT", host: "broker-2", port: 9_092 }]);
});

test("the controller dies: brokers go on with the next one, in the same epoch", async () => {
  const world = new World(2);
  await world.settled();
  const epochs = world.brokers.map(({ brokerEpoch }) => brokerEpoch);
  must(world.controllers.leaders[0], "controller").kill();
  await world.pass(6_000);
  await world.settled();
  deepEqual(
    world.brokers.map(({ state, id }) => state?.brokers.get(id)?.epoch),
    epochs,
  );
});

test("a change whose controller dies under it, or is not heard any more, is done once and answered", async () => {
  const from = new Set<string>();
  for (let seed = 20; seed < 60; seed += 1) {
    const world = new World(seed);
    await world.settled();
    const old = must(world.controllers.leaders[0], "controller");
    const controller = must(world.broker(1).controller, "controller");
    const made = controller.createTopics([request("orders")], false);
    await world.pass(world.controllers.random.between(0, 80));
    const ways = both(old.name, "broker-1");
    if (seed % 2 === 0) old.kill();
    else for (const [one, other] of ways) world.controllers.peers.cut(one, other);
    await world.pass(4_000);
    for (const [one, other] of ways) world.controllers.peers.heal(one, other);
    const [answer] = await world.controllers.world.settle(made);
    equal(answer?.error, undefined, `seed ${seed}`);
    const log = (await world.controllers.wholeLog()).flatMap(({ payload }) => decodeBatch(payload));
    const epochs = log.filter(({ command }) => command.kind === "create-topic").map(({ controllerEpoch }) => controllerEpoch);
    equal(epochs.length, 1, `seed ${seed}`);
    from.add(epochs[0] === 1 ? "the old controller" : "the next one");
  }
  deepEqual([...from].sort(), ["the next one", "the old controller"]);
});

test("a controller that is cut off from the log is left, though it still answers", async () => {
  const world = new World(9);
  await world.settled();
  const cut = must(world.controllers.leaders[0], "controller");
  cut.isCut = true;
  await world.pass(12_000);
  const leader = must(
    world.controllers.leaders.find((node) => node !== cut),
    "another controller",
  );
  ok(world.brokers.every(({ isReady, state }) => isReady && state?.index === leader.controller?.state.index));
});

test("a controller that is behind does not end a broker that knows more", async () => {
  const world = new World(12);
  await world.settled();
  const behind = must(world.controllers.leaders[0], "controller");
  behind.isCut = true;
  await world.pass(12_000);
  const others = world.controllers.nodes.filter((node) => node !== behind);
  for (const node of others) node.kill();
  equal(behind.leads, true, "it still believes");
  await world.pass(6_000);
  deepEqual(
    world.brokers.map(({ endedBy }) => endedBy?.message),
    [undefined, undefined, undefined],
  );
  behind.isCut = false;
  for (const node of others) node.start();
  await world.settled();
});

test("a broker that missed a restart of all controllers and a snapshot goes on from the log", async () => {
  const world = new World(12);
  const { nodes, peers, bucket } = world.controllers;
  await world.settled();
  const broker = world.broker(3);
  const ways = nodes.flatMap(({ name }) => both(name, broker.host));
  for (const [from, to] of ways) peers.cut(from, to);
  world.submitAlways();
  await world.pass(1_000);
  for (const node of nodes) {
    node.kill();
    node.start();
  }
  const applied = must(broker.state, "state").index;
  ok(await world.controllers.until(60_000, () => bucket.keys().some((key) => (parseHeadKey(key)?.index ?? 0) > applied)));
  await world.pass(1_000);
  world.stopSubmitting();
  for (const [from, to] of ways) peers.heal(from, to);
  await world.settled();
  equal(broker.endedBy, undefined);
});

test("a broker that stands still is fenced, and comes back ready when it goes on", async () => {
  const world = new World(3);
  await world.settled();
  const sleeper = world.broker(1);
  const { brokerEpoch } = sleeper;
  sleeper.process?.pause(10_000);
  await world.pass(SESSION_MS + 1_500);
  equal(world.broker(2).state?.brokers.get(1)?.fenced, true);
  await world.pass(8_000);
  await world.settled();
  equal(sleeper.state?.brokers.get(1)?.epoch, brokerEpoch, "the same process");
});

test("a broker that is killed and started has a new epoch; nobody waits for the old session", async () => {
  const world = new World(4);
  await world.settled();
  const broker = world.broker(1);
  const before = broker.brokerEpoch;
  broker.kill();
  broker.start();
  ok(await world.controllers.until(1_500, () => broker.isReady));
  ok(broker.brokerEpoch > before);
});

test("a broker that stops says so, and is fenced at once", async () => {
  const world = new World(13);
  await world.settled();
  const broker = world.broker(1);
  await world.controllers.world.settle(must(broker.control, "a control plane").close());
  broker.kill();
  ok(await world.controllers.until(500, () => world.broker(2).state?.brokers.get(1)?.fenced === true), "long before its session is over");
});

test("a broker that stops while nobody hears it says nothing after its goodbye", async () => {
  const world = new World(14);
  await world.settled();
  const { peers, nodes } = world.controllers;
  const broker = world.broker(1);
  for (const { name } of nodes) peers.cut(name, broker.host);
  // Longer than from one heartbeat to the next.
  await world.controllers.world.settle(must(broker.control, "a control plane").close());
  broker.kill();
  for (const { name } of nodes) peers.heal(name, broker.host);
  await world.pass(3_000);
});

test("a second process of a broker is refused while the first lives", async () => {
  const world = new World(5);
  await world.settled();
  const twin = new BrokerNode(world.controllers, 1);
  twin.start();
  await world.pass(3_000);
  match(twin.endedBy?.message ?? "", /broker 1 is running already/);
  await world.settled();
});

for (const outage of ["fails", "hangs"] as const)
  test(`while the bucket is away nobody is fenced, nor afterwards (${outage})`, async () => {
    const world = new World(15);
    await world.settled();
    const { bucket } = world.controllers;
    for (const ms of [1_000, 2_500, 4_000, 20_000]) {
      bucket.faults.outage = outage;
      await world.pass(ms);
      bucket.faults.outage = "none";
      await world.pass(SESSION_MS + 2_000);
    }
    await world.settled();
    const log = await world.controllers.wholeLog();
    const fenced = log.flatMap(({ payload }) => decodeBatch(payload)).filter(({ command }) => command.kind === "fence-broker");
    equal(fenced.length, 0);
  });

test("a process whose machine is gone without a word is in nobody's way", async () => {
  const world = new World(14);
  await world.settled();
  const gone = world.broker(1);
  // Its end of the stream never closes.
  gone.process?.pause(1_000_000);
  await world.pass(SESSION_MS + 500);
  const next = new BrokerNode(world.controllers, 1);
  next.start();
  ok(await world.controllers.until(3_000, () => next.isReady));
});

test("a process whose place was taken while it was cut off ends when it comes back", async () => {
  const world = new World(6);
  await world.settled();
  const { peers, nodes } = world.controllers;
  const lost = world.broker(1);
  for (const { name } of nodes)
    for (const [from, to] of [
      [name, lost.host],
      [lost.host, name],
    ] as const)
      peers.cut(from, to);
  await world.pass(8_000);
  const twin = new BrokerNode(world.controllers, 1);
  Object.defineProperty(twin, "host", { value: "broker-1b" });
  twin.start();
  ok(await world.controllers.until(5_000, () => twin.isReady));
  for (const { name } of nodes)
    for (const [from, to] of [
      [name, lost.host],
      [lost.host, name],
    ] as const)
      peers.heal(from, to);
  ok(await world.controllers.until(10_000, () => lost.endedBy !== undefined));
  match(lost.endedBy?.message ?? "", /another process has become broker 1/);
  ok(twin.isReady);
});

test("a broker may not claim, fence, or speak for another", async () => {
  const world = new World(7);
  await world.settled();
  const controller = must(world.broker(1).controller, "controller");
  const other = must(controller.state.brokers.get(2), "broker").epoch;
  const refused = { code: "INVALID_REQUEST" };
  const { settle } = { settle: <T>(promise: Promise<T>) => world.controllers.world.settle(promise) };
  await rejects(settle(controller.fenceBroker(2, other)), refused);
  await rejects(settle(controller.submit({ kind: "elect-leaders", broker: 2, brokerEpoch: other })), refused);
  await rejects(settle(controller.submit({ kind: "claim-controller", holder: "me", controllerEpoch: 9 })), refused);
  equal(controller.state.brokers.get(2)?.fenced, false);
});

test("a controller that cannot register anybody at the moment is asked again", async () => {
  const world = new World(10);
  await world.settled();
  for (const { node } of world.controllers.nodes) Object.assign(must(node, "a controller").controller, { registerBroker: overloaded });
  const broker = world.broker(1);
  broker.kill();
  broker.start();
  await world.pass(3_000);
  equal(broker.endedBy, undefined);
  for (const { node } of world.controllers.nodes) Reflect.deleteProperty(must(node, "a controller").controller, "registerBroker");
  await world.settled();
});

const overloaded = () => Promise.reject(new QueueError("OVERLOADED", "too many changes of metadata are waiting"));

test("a broker that stops while it looks for a controller does not register", async () => {
  const controllers = new ControllerCluster(11, 3);
  controllers.start();
  controllers.stopSubmitting();
  ok(await controllers.until(SETTLES_WITHIN_MS, () => controllers.leaders.length === 1));
  for (const { name } of controllers.nodes) {
    const broker = new BrokerNode(controllers, 1);
    broker.start();
    ok(await controllers.until(5_000, () => broker.control !== undefined));
    // It has asked to be registered in this moment.
    await must(broker.control, "a control plane").close();
    await controllers.pass(5_000);
    equal(controllers.leaders[0]?.controller?.state.brokers.size, 0, name);
    broker.kill();
  }
});

test("without any controller a command waits, then its caller is told that nothing was done", async () => {
  const world = new World(8);
  await world.settled();
  for (const node of world.controllers.nodes) node.kill();
  await world.pass(5_000);
  const controller = must(world.broker(1).controller, "controller");
  await rejects(world.controllers.world.settle(controller.allocateProducerIds(1, 1)), { code: "PEER_UNAVAILABLE" });
});

for (let seed = 1; seed <= SEEDS; seed += 1)
  test(`deaths, pauses, cuts, resets, a faulty bucket: one history for brokers, too (seed ${seed})`, async () => {
    const world = new World(seed);
    const { random, bucket, peers, nodes, history } = world.controllers;
    world.submitAlways();
    for (let events = random.between(5, 15); events > 0; events -= 1) {
      disturb(world);
      await world.pass(random.between(50, 5_000));
    }
    Object.assign(bucket.faults, HEALTHY_OBJECT_STORE);
    Object.assign(peers.faults, HEALTHY_PEERS);
    for (const node of nodes)
      for (const broker of world.brokers) for (const [from, to] of both(node.name, broker.host)) peers.heal(from, to);
    for (const node of nodes) {
      node.isCut = false;
      if (node.process === undefined) node.start();
    }
    await world.pass(70_000);
    for (const broker of world.brokers) if (broker.process === undefined) broker.start();
    world.stopSubmitting();
    await world.pass(12_000);
    await world.settled();
    history.checkLog("cluster-1", await world.controllers.wholeLog());
    ok(history.acknowledged > 0);
  });

const both = (one: string, other: string) =>
  [
    [one, other],
    [other, one],
  ] as const;

function disturb(world: World): void {
  const { random, nodes, bucket, peers } = world.controllers;
  const node = random.pick(nodes);
  const broker = random.pick(world.brokers);
  const [way] = random.pick([[both(node.name, broker.host)], [both(node.name, broker.host).slice(0, 1)]]);
  const ways: readonly (() => void)[] = [
    () => node.kill(),
    () => broker.kill(),
    () => (node.process === undefined ? node.start() : node.process.pause(random.between(100, 8_000))),
    () => (broker.process === undefined ? broker.start() : broker.process.pause(random.between(100, 8_000))),
    () => {
      node.isCut = !node.isCut;
    },
    () => way?.forEach(([from, to]) => peers.cut(from, to)),
    () => way?.forEach(([from, to]) => peers.heal(from, to)),
    () => [...peers.links].forEach((link) => random.chance(0.5) && link.reset()),
    () => Object.assign(peers.faults, { resetRatio: 0.02, silenceRatio: 0.005, refuseRatio: 0.2, delayMs: [0.1, 200] }),
    () => Object.assign(peers.faults, HEALTHY_PEERS),
    () => Object.assign(bucket.faults, { unknownRatio: 0.2, unknownAfterMs: [50, 3_000], lateMs: [100, 20_000] }),
    () => Object.assign(bucket.faults, HEALTHY_OBJECT_STORE),
  ];
  random.pick(ways)();
}
