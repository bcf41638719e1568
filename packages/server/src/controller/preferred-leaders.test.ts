import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { ControllerCluster } from "../testing/controller-cluster.ts";
import { PREFERRED_AFTER_MS, PREFERRED_PAUSE_MS, PREFERRED_PORTION } from "./limits.ts";
import { PreferredLeaders } from "./preferred-leaders.ts";

/** Brokers 1, 2 and 3, and what would be planned of the partitions that they share. */
class World {
  readonly cluster = new ClusterFixture();
  readonly preferred = new PreferredLeaders(this.cluster.state);
  nowMs = 0;

  constructor(assignments: readonly (readonly number[])[]) {
    this.cluster.restart(3, "a");
    this.cluster.createTopic("t", assignments);
    this.heard();
  }

  /** What was applied since the last time is told. */
  heard(): void {
    const isAnyReady = this.preferred.applied(this.cluster.effects, this.nowMs);
    this.cluster.effects = [];
    if (isAnyReady) for (const id of this.cluster.state.partitions.keys()) this.preferred.look(id, this.nowMs);
  }

  fence(broker: number): void {
    this.cluster.answer({ kind: "fence-broker", broker, brokerEpoch: this.cluster.brokerEpoch(broker) });
    this.heard();
  }

  ready(broker: number): void {
    this.cluster.answer({ kind: "elect-leaders", broker, brokerEpoch: this.cluster.brokerEpoch(broker) });
    this.heard();
  }

  joins(partitionId: number, broker: number): void {
    const { leader, leaderEpoch, partitionEpoch, inSync } = this.cluster.partition(partitionId);
    const life = (id: number) => ({ broker: id, brokerEpoch: this.cluster.brokerEpoch(id) });
    const to = [...inSync, broker].map(life);
    this.cluster.answer({ kind: "change-in-sync", partitionId, leaderEpoch, ...life(leader), partitionEpoch, to });
    this.heard();
  }

  planned(): (readonly [number, number])[] {
    return this.preferred.plan(this.nowMs).map(({ partitionId, leader }) => [partitionId, leader] as const);
  }

  /** Carries out the next portion. */
  elect(): void {
    for (const command of this.preferred.plan(this.nowMs)) this.cluster.answer(command);
    this.heard();
  }
}

test("the first replica leads again when it has been in sync and ready for ten seconds", () => {
  const world = new World([[1, 2, 3], [1]]);
  world.fence(1);
  equal(world.preferred.nextMs(), Number.POSITIVE_INFINITY, "who is fenced leads nothing");
  world.ready(1);
  deepEqual(world.planned(), [], "it has left the set");
  world.nowMs = 1_000;
  world.joins(3, 1);
  equal(world.preferred.nextMs(), 1_000 + PREFERRED_AFTER_MS);
  world.nowMs = 1_000 + PREFERRED_AFTER_MS - 1;
  deepEqual(world.planned(), []);
  world.nowMs += 1;
  deepEqual(world.planned(), [[3, 1]]);
  world.elect();
  deepEqual([world.cluster.partition(3).leader, world.preferred.nextMs()], [1, Number.POSITIVE_INFINITY]);
});

test("who comes back as a member, though no partition says so, is found; who goes meanwhile begins to wait anew", () => {
  const world = new World([[1, 2]]);
  world.fence(1);
  world.ready(1);
  equal(world.preferred.nextMs(), PREFERRED_AFTER_MS, "at its minimum the set has kept it");
  world.nowMs = 5_000;
  world.fence(1);
  world.nowMs = 6_000;
  world.ready(1);
  equal(world.preferred.nextMs(), 6_000 + PREFERRED_AFTER_MS);
  world.nowMs = 7_000;
  world.cluster.restart(1, "b");
  world.heard();
  equal(world.preferred.nextMs(), 7_000 + PREFERRED_AFTER_MS, "another process");
});

test("another order of preference, a deleted topic and a set that it leaves end the wait", () => {
  const world = new World([
    [1, 2],
    [1, 2, 3],
    [1, 2],
  ]);
  world.fence(1);
  world.ready(1);
  world.joins(4, 1);
  world.nowMs = PREFERRED_AFTER_MS;
  deepEqual(world.planned(), [
    [3, 1],
    [5, 1],
    [4, 1],
  ]);
  world.cluster.answer({ kind: "reassign-partition", partitionId: 3, replicas: [2, 1] });
  world.cluster.answer({ kind: "report-damage", broker: 1, brokerEpoch: world.cluster.brokerEpoch(1), partitionIds: [4] });
  world.heard();
  deepEqual(world.planned(), [[5, 1]]);
  world.cluster.answer({ kind: "delete-topic", topicId: must(world.cluster.state.topic("t"), "topic").id });
  world.heard();
  deepEqual(world.planned(), []);
});

test("in portions, and whoever misses most comes first", () => {
  const few = Array.from({ length: 20 }, () => [2, 1, 3]);
  const many = Array.from({ length: PREFERRED_PORTION }, () => [1, 2, 3]);
  const world = new World([...few, ...many]);
  for (const broker of [1, 2]) world.fence(broker);
  for (const broker of [1, 2]) world.ready(broker);
  for (const { id, replicas, inSync } of world.cluster.state.partitions.values())
    for (const broker of replicas) if (replicas.length > 1 && !inSync.includes(broker)) world.joins(id, broker);
  world.nowMs = PREFERRED_AFTER_MS;
  const shares = () => [1, 2].map((broker) => world.planned().filter(([, leader]) => leader === broker).length);
  deepEqual(shares(), [190, 10], "both miss ten more after it");
  world.elect();
  deepEqual(shares(), [10, 10]);
  world.elect();
  deepEqual(shares(), [0, 0]);
});

test("the controller gives leaderships back, whichever of the controllers it is", async () => {
  const all = new ControllerCluster(7, 3);
  all.start();
  all.stopSubmitting();
  ok(await all.until(10_000, () => all.leaders.length === 1));
  const speak = async (forMs: number): Promise<void> => {
    for (let passed = 0; passed < forMs; passed += 400) {
      for (const { controller, node } of all.leaders)
        for (const { id, epoch } of controller?.state.brokers.values() ?? []) node?.fencing.heard(id, epoch, controller?.state.index ?? 0);
      await all.pass(400);
    }
  };
  const controller = () => must(all.leaders[0]?.controller, "controller");
  for (const id of [1, 2]) {
    await all.world.settle(controller().registerBroker({ id, host: `h${id}`, rack: "", walId: "", walIndex: 0, walDamaged: false }));
    await all.world.settle(controller().electLeaders(id));
  }
  const command = {
    kind: "create-topic",
    topicId: "AAECAwQFBgcICQoLDA0ODw",
    name: "t",
    configs: new Map(),
    assignments: [[1, 2]],
  } as const;
  await all.world.settle(controller().submit(command));
  const partition = () => must(controller().state.partition("t", 0), "partition");
  await all.world.settle(controller().fenceBroker(1, 1));
  await all.world.settle(controller().electLeaders(1));
  equal(partition().leader, 2);
  await speak(5_000);
  all.leaders[0]?.kill();
  ok(await all.until(5_000, () => all.leaders.length === 1));
  await speak(PREFERRED_AFTER_MS - 2_000);
  equal(partition().leader, 2, "the new one has not seen it that long");
  await speak(2_000 + PREFERRED_PAUSE_MS);
  deepEqual([partition().leader, partition().leaderEpoch], [1, 2]);
});
