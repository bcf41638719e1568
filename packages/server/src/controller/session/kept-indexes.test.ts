import { equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { isKept } from "../../cluster/cluster-state.ts";
import { PARTITIONS_MAX } from "../../cluster/limits.ts";
import { keptHash } from "../../cluster/state-hash.ts";
import { IndexedCluster } from "../../testing/indexed-cluster.ts";
import { INDEXES_TOLD_MAX } from "../limits.ts";
import { WantedIndexes } from "./wanted-indexes.ts";

// Goal: a broker that becomes a replica gets the partition's object index, exactly as of a batch, whatever happens to controllers and streams
// meanwhile; one that is none any more lets go of it. Method: controllers and brokers under a seed; what broker 2 keeps is compared by hash.

const SEEDS = 12;

/** Resolves when every broker has applied what the leading controller has, and lacks nothing. */
async function settled(world: IndexedCluster): Promise<void> {
  const isSettled = (): boolean => {
    const whole = world.controllers.leaders[0]?.controller?.state;
    return world.brokers.every(({ state, isReady }) => isReady && state?.index === whole?.index && state?.wanted.size === 0);
  };
  ok(await world.controllers.until(30_000, isSettled));
  const whole = must(world.leader.controller, "controller").state;
  for (const { state, id } of world.brokers) equal(keptHash(must(state, "state"), id), keptHash(whole, id));
}

async function reassign(world: IndexedCluster, partitionId: number, replicas: readonly number[]): Promise<void> {
  const controller = must(world.leader.controller, "controller");
  await world.settle(controller.submit({ kind: "reassign-partition", partitionId, replicas }));
}

test("a replica that is added gets the index, and applies what comes; one that goes lets go of it", async () => {
  const world = new IndexedCluster(1);
  await world.filled();
  const [id = 0] = world.ledBy(1);
  const state = () => world.controllerOf(2).state;
  const objects = state().objects.size;
  equal(isKept(must(state().partitions.get(id), "partition")), false);
  const heard: string[] = [];
  world
    .controllerOf(2)
    .onApplied((effects) => heard.push(...effects.flatMap((effect) => (effect.kind === "index-kept" ? effect.kind : []))));
  await reassign(world, id, [1, 2]);
  await settled(world);
  const partition = must(state().partitions.get(id), "partition");
  equal(isKept(partition) && partition.ranges.count > 0 && partition.manifest !== undefined, true);
  equal(heard.length, 1);
  await world.commit(1, id, partition.uploadedEnd);
  await settled(world);
  equal(partition.uploadedEnd, 30);
  await reassign(world, id, [1]);
  await settled(world);
  equal(isKept(partition), false);
  equal(state().objects.size, objects);
});

test("with deaths, cuts and commits in between", async () => {
  for (let seed = 10; seed < 10 + SEEDS; seed += 1) {
    const world = new IndexedCluster(seed);
    await world.filled();
    const { random, peers, nodes } = world.controllers;
    const [first = 0, second = 0] = world.ledBy(1);
    if (seed % 3 === 0) world.brokers[1]?.kill();
    const leader = world.leader;
    if (seed % 2 === 1) await world.controllers.pass(random.between(0, 100));
    const given = must(leader.controller, "controller").submit({ kind: "reassign-partition", partitionId: first, replicas: [1, 2] });
    let isGiven = false;
    void given.then(() => {
      isGiven = true;
      world.controllers.world.after(random.between(0, 2_000) / 1_000, () => {
        if (seed % 2 === 0) leader.kill();
        else peers.cut(leader.name, "broker-2");
      });
    });
    const committed = world.controllers.until(5_000, () => isGiven).then(() => world.commit(1, first, 20));
    await committed;
    await world.controllers.pass(5_000);
    for (const { name } of nodes) peers.heal(name, "broker-2");
    if (seed % 2 === 0) leader.start();
    if (seed % 3 === 0) world.brokers[1]?.start();
    await settled(world);
    await reassign(world, second, [1, 2]);
    await reassign(world, second, [1]);
    await reassign(world, second, [1, 2]);
    await world.commit(1, second, 10);
    await settled(world);
  }
});

test("what one message tells of, and what one broker can ask for, is bounded", () => {
  const wanted = new WantedIndexes();
  wanted.add(Array.from({ length: INDEXES_TOLD_MAX + 1 }, (_, at) => at));
  equal(wanted.take().length, INDEXES_TOLD_MAX);
  equal(wanted.take().length, 1);
  equal(wanted.size, 0);
  throws(() => wanted.add(Array.from({ length: PARTITIONS_MAX + 1 }, (_, at) => at)), { code: "INVALID_REQUEST" });
});
