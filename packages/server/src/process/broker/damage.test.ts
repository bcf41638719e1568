import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { KiB, MiB } from "../../base/units.ts";
import { GROUPS_TOPIC } from "../../coordinator/group-coordinator.ts";
import { PartitionUploadSource } from "../../partition/upload-source.ts";
import { BrokerPair, type PairedBroker } from "../../testing/broker-pair.ts";
import { groupsIn } from "../../testing/checkers/wal-group-at.ts";
import { append, readAll, records } from "../../testing/partition-fixture.ts";

// Goal: what one of two brokers has lost leads nowhere, is committed nowhere as lost, and comes back from the other.

const BATCHES = 24;
const MENDED_MS_MAX = 30_000;

/** `t` on both brokers, nothing of it uploaded, and the first of its batches only in files. */
async function pairWithData() {
  const config = { writeMemoryBytes: 256 * KiB, uploadBytes: 64 * MiB, uploadAgeMs: 600_000 };
  const pair = await BrokerPair.open(config, config);
  await pair.createTopic("t");
  const { world } = pair.cluster;
  for (let n = 0; n < BATCHES; n++) await world.settle(append(pair.led("t"), records(10, {}, n, 3_000)).committed);
  await pair.cluster.pass(2_000); // and every group is known to be synced
  const { id } = must(pair.first.broker.controller.state.partition("t", 0), "the partition");
  return { pair, world, id, written: await world.settle(readAll(pair.led("t"))) };
}

/** A bit of the oldest batch of the partition that the log has. */
function flipFirstBatch({ node: { disk } }: PairedBroker, partitionId: number): void {
  for (const name of disk.names.list("wal")) {
    const path = `wal/${name}`;
    const batch = groupsIn(disk.contents(path))
      .flatMap(({ batches }) => batches)
      .find((each) => each.partitionId === partitionId && each.from === 0);
    if (batch !== undefined) return disk.flipBits(path, batch.position + batch.bytes - 1, batch.position + batch.bytes);
  }
  throw new Error("the batch is in no file");
}

/** In the header of the group that has the oldest batch: a start sees that. */
function flipFirstGroup({ node: { disk } }: PairedBroker, partitionId: number): void {
  for (const name of disk.names.list("wal")) {
    const path = `wal/${name}`;
    const group = groupsIn(disk.contents(path)).find(({ batches }) => batches.some((each) => each.partitionId === partitionId));
    if (group !== undefined) return disk.flipBits(path, group.position + 20, group.position + 21);
  }
  throw new Error("the group is in no file");
}

test("a leader that meets damage is led by the other from then on, and gets it back; a reader gets everything", async () => {
  const { pair, world, id, written } = await pairWithData();
  const { first, second, cluster } = pair;
  flipFirstBatch(first, id);
  await world.settle(Promise.resolve(pair.led("t").read(0, 1_000_000, true)).catch(() => undefined));
  const partition = () => must(second.broker.controller.state.partition("t", 0), "the partition");
  ok(
    await cluster.until(MENDED_MS_MAX, () => partition().leader === 2 && partition().inSync.length === 2),
    "the other leads, and both are in sync",
  );
  equal(partition().uploadedEnd, 0, "nothing was committed as lost");
  const led = must(second.broker.partitions.byName("t", 0), "led by the other");
  deepEqual(await world.settle(readAll(led)), written);
  const mended = must(first.broker.partitions.followed(id), "followed by the first");
  deepEqual([mended.wal.holes, mended.logEnd], [[], led.logEnd]);
});

test("who finds damage at a start leads nothing of it, though it is the first to come", async () => {
  const { pair, world, id, written } = await pairWithData();
  const { first, second, cluster } = pair;
  for (const { node } of [first, second]) node.kill();
  flipFirstGroup(first, id);
  const leaders = new Set<number>();
  const damaged = await world.settle(first.node.start());
  const partition = () => must(damaged.controller.state.partition("t", 0), "the partition");
  damaged.controller.onApplied(() => leaders.add(partition().leader));
  await cluster.pass(5_000);
  ok(damaged.recovery.damage.length > 0);
  deepEqual(partition().inSync, [2], "it has left the set, and waits");
  const whole = await world.settle(second.node.start());
  ok(await cluster.until(MENDED_MS_MAX, () => partition().inSync.length === 2), "it is in sync again");
  ok(!leaders.has(1));
  deepEqual(await world.settle(readAll(must(whole.partitions.byName("t", 0), "led by the other"))), written);
});

test("a follower of a quiet partition that meets damage leaves the set once, and gets what it lost without anybody's appending", async () => {
  const { pair, world, id, written } = await pairWithData();
  const { first, second, cluster } = pair;
  flipFirstBatch(second, id);
  const { controller, partitions } = first.broker;
  const sizes: number[] = [];
  controller.onApplied((effects) => {
    for (const effect of effects)
      if (effect.kind === "in-sync-changed" && effect.partitionId === id)
        sizes.push(must(controller.state.partition("t", 0), "t").inSync.length);
  });
  const followed = must(second.broker.partitions.followed(id), "followed by the second");
  await world.settle(Promise.resolve(followed.read(0, 1_000_000, true)).catch(() => undefined));
  await cluster.pass(10_000);
  deepEqual(sizes, [1, 2]);
  deepEqual(followed.wal.holes, []);
  deepEqual(await world.settle(readAll(followed)), written);
  equal(partitions.byId(id)?.highWatermark, followed.highWatermark);
});

test("who leads groups whose entries are lost gives them to a member that has them, as soon as there is one", async () => {
  const pair = await BrokerPair.open();
  const { first, second, cluster } = pair;
  await cluster.world.settle(first.broker.controller.createInternalTopic(GROUPS_TOPIC, 1));
  const partition = () => must(second.broker.controller.state.partition(GROUPS_TOPIC, 0), "the partition");
  ok(await cluster.until(MENDED_MS_MAX, () => partition().leader > 0 && partition().inSync.length === 2), "both are in sync");
  const [leader, other] = partition().leader === 1 ? [first, second] : [second, first];
  const led = must(leader.broker.partitions.byId(partition().id), "led");
  ok(await cluster.until(MENDED_MS_MAX, () => led.records !== undefined), "its groups are known");
  led.recordsLost = true;
  other.broker.logDamaged(partition().id);
  ok(await cluster.until(MENDED_MS_MAX, () => partition().leader === other.node.id && partition().inSync.length === 2), "the other leads");
  deepEqual([leader.broker.damage, other.broker.damage], [[], []]);
});

test("what a leader has lost is not uploaded as lost while another has it, nor is what lies behind", async () => {
  const pair = await BrokerPair.open();
  await pair.createTopic("t");
  const led = pair.led("t");
  for (let n = 0; n < 3; n++) await pair.cluster.world.settle(append(led, records(5, {}, n)).committed);
  const source = new PartitionUploadSource(led, undefined);
  equal(source.highWatermark, 15);
  led.wal.addHole(5, 10);
  deepEqual([source.highWatermark, source.holes()], [5, []]);
});
