import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { CLUSTER_ID, ControllerCluster, type SimController } from "../testing/controller-cluster.ts";
import { HEALTHY_OBJECT_STORE } from "../testing/sim-io/object-store.ts";

// Goal: of several controllers over one log in a bucket one decides, another goes on when it is gone, and what any of them
// acknowledged stands. Method: random deaths, pauses, cuts and bucket faults under a seed; one history of commands is checked.

const SEEDS = 10;
const SETTLES_WITHIN_MS = 15_000;

async function settled(cluster: ControllerCluster): Promise<void> {
  const isCalm = (): boolean => {
    const [first] = cluster.nodes;
    const equalIndex = cluster.nodes.every(({ controller }) => controller?.state.index === first?.controller?.state.index);
    return cluster.leaders.length === 1 && equalIndex;
  };
  ok(await cluster.until(SETTLES_WITHIN_MS, isCalm), `one controller, and all equal: ${cluster.leaders.map(({ name }) => name).join()}`);
  deepEqual(cluster.fatals, []);
}

function theLeader(cluster: ControllerCluster): SimController {
  equal(cluster.leaders.length, 1);
  return must(cluster.leaders[0], "controller");
}

test("one of three claims, and says that it lives while nothing else happens", async () => {
  const cluster = new ControllerCluster(1, 3);
  cluster.start();
  cluster.stopSubmitting();
  await settled(cluster);
  const { controller } = theLeader(cluster);
  const before = must(controller, "controller").state.index;
  await cluster.pass(60_000);
  equal(theLeader(cluster).controller, controller, "nobody else claimed");
  equal(controller?.state.controllerEpoch, 1);
  const batches = must(controller, "controller").state.index - before;
  ok(batches > 60 && batches < 90, `${batches} signs of life in a minute`);
});

test("when the controller is killed another goes on within a few seconds", async () => {
  const cluster = new ControllerCluster(2, 3);
  cluster.start();
  await settled(cluster);
  const first = theLeader(cluster);
  first.kill();
  ok(await cluster.until(4_000, () => cluster.leaders.length === 1));
  equal(theLeader(cluster).controller?.state.controllerEpoch, 2);
});

test("a controller that slept through another's claim does nothing any more, and says so", async () => {
  const cluster = new ControllerCluster(3, 3);
  cluster.start();
  cluster.stopSubmitting();
  await settled(cluster);
  const sleeper = theLeader(cluster);
  sleeper.process?.pause(10_000);
  await cluster.pass(9_000);
  equal(cluster.leaders.length, 2, "it still believes");
  const asked = must(sleeper.controller, "controller").submit({
    kind: "set-client-metrics",
    name: "late",
    versionBefore: 0,
    changes: [{ name: "interval.ms", value: "1000" }],
  });
  const outcome = await cluster.world.settle(asked);
  deepEqual("refused" in outcome && outcome.refused, "stale-controller");
  equal(cluster.leaders.length, 1);
});

test("while the bucket is away for all nobody claims", async () => {
  const cluster = new ControllerCluster(4, 3);
  cluster.start();
  await settled(cluster);
  const before = theLeader(cluster);
  cluster.bucket.faults.outage = "fails";
  await cluster.pass(60_000);
  cluster.bucket.faults.outage = "none";
  await settled(cluster);
  equal(theLeader(cluster), before);
  equal(before.controller?.state.controllerEpoch, 1);
});

test("when the bucket comes back, a controller that is a little later than the others has a lease to speak", async () => {
  const cluster = new ControllerCluster(4, 3);
  cluster.start();
  await settled(cluster);
  const before = theLeader(cluster);
  const { bucket } = cluster;
  before.cut = { ms: [50, 100], doneRatio: 0 };
  before.isCut = true;
  bucket.faults.outage = "fails";
  await cluster.pass(60_000);
  bucket.faults.outage = "none";
  const { reads } = bucket.counts;
  ok(await cluster.until(20_000, () => bucket.counts.reads > reads), "a standby asks");
  await cluster.pass(1_000);
  before.isCut = false;
  await settled(cluster);
  equal(before.controller?.state.controllerEpoch, 1);
});

test("all killed, nothing left but the bucket: others go on where they were", async () => {
  const cluster = new ControllerCluster(5, 3);
  cluster.start();
  await cluster.pass(20_000);
  for (const node of cluster.nodes) node.kill();
  for (const node of cluster.nodes) node.start();
  await settled(cluster);
  ok(cluster.history.acknowledged > 20);
  cluster.history.checkLog(CLUSTER_ID, await cluster.wholeLog());
});

for (let seed = 1; seed <= SEEDS; seed += 1)
  test(`deaths, pauses, cuts, a faulty bucket: one history (seed ${seed})`, async () => {
    const cluster = new ControllerCluster(seed, 3);
    cluster.start();
    for (let events = cluster.random.between(5, 15); events > 0; events -= 1) {
      disturb(cluster);
      await cluster.pass(cluster.random.between(50, 6_000));
    }
    Object.assign(cluster.bucket.faults, HEALTHY_OBJECT_STORE);
    for (const node of cluster.nodes) {
      node.isCut = false;
      if (node.process === undefined) node.start();
    }
    await cluster.pass(70_000); // late writes land, pauses end
    cluster.stopSubmitting();
    await settled(cluster);
    cluster.history.checkLog(CLUSTER_ID, await cluster.wholeLog());
    ok(cluster.history.acknowledged > 0);
  });

function disturb({ random, nodes, bucket }: ControllerCluster): void {
  const node = random.pick(nodes);
  const { faults } = bucket;
  const ways: readonly (() => void)[] = [
    () => node.kill(),
    () => node.kill(),
    () => (node.process === undefined ? node.start() : node.process.pause(random.between(100, 10_000))),
    () => (node.process === undefined ? node.start() : node.process.clock.jumpWall(random.between(-1e9, 1e9))),
    () => {
      node.isCut = !node.isCut;
    },
    () => Object.assign(faults, HEALTHY_OBJECT_STORE),
    () => Object.assign(faults, { unknownRatio: 0.2, unknownAfterMs: [50, 3_000], lateMs: [100, 20_000] }),
    () => Object.assign(faults, { unavailableRatio: 0.3, corruptReadRatio: 0.1, listStaleMs: 10_000 }),
    () => {
      faults.outage = random.pick(["none", "fails", "hangs"]);
    },
  ];
  random.pick(ways)();
}

for (const during of ["follow", "claimNext"] as const)
  test(`whoever stops while it claims does not lead afterwards (${during})`, async () => {
    const cluster = new ControllerCluster(6, 1);
    cluster.start();
    cluster.stopSubmitting();
    const [node] = cluster.nodes;
    ok(await cluster.until(1_000, () => node?.commands !== undefined));
    const { commands, leadership } = must(must(node, "controller").node, "its process");
    const heard: boolean[] = [];
    leadership.onChange((leads) => heard.push(leads));
    const original = must(commands, "commands")[during].bind(commands);
    const stopping = async () => {
      const result = original();
      leadership.stop();
      return result;
    };
    Object.assign(must(commands, "commands"), { [during]: stopping });
    await cluster.pass(10_000);
    deepEqual([leadership?.leads, heard], [false, []]);
    equal(commands?.applied.state.controllerEpoch, during === "follow" ? 0 : 1, "it claims nothing that it has not begun to claim");
    deepEqual(cluster.fatals, []);
  });
