import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { KiB, MiB } from "../../base/units.ts";
import { ALL_BROKERS } from "../../cluster/cluster-state.ts";
import { encodeEntries } from "../../coordinator/fold/entry-batch.ts";
import { GROUPS_TOPIC } from "../../coordinator/group-coordinator.ts";
import type { Disk } from "../../io/disk.ts";
import { PartitionUploadSource } from "../../partition/upload-source.ts";
import { BrokerPair, type PairedBroker } from "../../testing/broker-pair.ts";
import { groupsIn } from "../../testing/checkers/wal-group-at.ts";
import type { ControllerCluster } from "../../testing/controller-cluster.ts";
import { append, readAll, records } from "../../testing/partition-fixture.ts";
import { SimObjectStore } from "../../testing/sim-io/object-store.ts";
import { flipBases } from "../../testing/wal/flipped-bases.ts";
import type { ControlPlane } from "../control/control-plane.ts";

// Goal: what one of two brokers has lost leads nowhere, is committed nowhere as lost, and comes back from the other.

const BATCHES = 24;
const MENDED_MS_MAX = 30_000;
/** Long before controllers look for preferred leaders. */
const HANDED_OVER_MS_MAX = 2_000;

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

async function withoutLog(disk: Disk): Promise<void> {
  for (const name of await disk.list("wal")) await disk.remove(`wal/${name}`);
  await disk.syncFolder("wal");
}

/** What is done to the control plane of its next processes. */
function onControl({ node }: PairedBroker, act: (control: ControlPlane) => void): void {
  const open = node["openControl"].bind(node);
  node["openControl"] = async (...args) => {
    const control = await open(...args);
    act(control);
    return control;
  };
}

/** It is elected before it has read its log to the end. */
function electedFirst({ world }: ControllerCluster, control: ControlPlane, partitionId: number): void {
  const { brokerId, controller } = control;
  const lead = control.lead.bind(control);
  control.lead = async () => {
    await lead();
    while (controller.state.partitions.get(partitionId)?.leader !== brokerId) await new Promise<void>((wake) => world.after(1, wake));
  };
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

test("damage behind a start's first look at its log is found, and leads nothing, as if it had been seen then", async () => {
  const { pair, world, id, written } = await pairWithData();
  const { first, second, cluster } = pair;
  for (const { node } of [first, second]) node.kill();
  onControl(first, (control) => {
    const register = control.register.bind(control);
    control.register = (log) => {
      flipFirstGroup(first, id);
      return register(log);
    };
    electedFirst(cluster, control, id);
  });
  const damaged = await world.settle(first.node.start());
  const partition = () => must(damaged.controller.state.partition("t", 0), "the partition");
  ok(await cluster.until(MENDED_MS_MAX, () => partition().inSync.join() === "2"), "it has left the set, and waits");
  const whole = await world.settle(second.node.start());
  ok(await cluster.until(MENDED_MS_MAX, () => partition().inSync.length === 2), "it is in sync again");
  deepEqual(await world.settle(readAll(must(whole.partitions.byName("t", 0), "led by the other"))), written);
  const mended = must(damaged.partitions.followed(id), "followed by the first");
  deepEqual([mended.wal.holes, mended.live.incomplete], [[], false]);
});

test("who cannot read at its start what it remembers of what was uploaded, the bucket being away, leads nothing without", async () => {
  const pair = await BrokerPair.open({}, { uploadAgeMs: 600_000 });
  const { first, second, cluster } = pair;
  await pair.createTopic("t");
  const { world } = cluster;
  const batchOf = (n: number) => records(10, { producerId: 7, producerEpoch: 0, baseSequence: n * 10 }, n);
  await world.settle(append(pair.led("t"), batchOf(0)).committed);
  equal(await world.settle(first.broker.uploader.drain(10_000)), true);
  // Its new log begins with the leader's base.
  second.node.kill();
  await world.settle(second.node.byHand(withoutLog));
  let other = await world.settle(second.node.start());
  const partition = () => must(other.controller.state.partition("t", 0), "the partition");
  ok(await cluster.until(MENDED_MS_MAX, () => pair.led("t").inSyncCount === 2), "it is in sync again");
  await world.settle(append(pair.led("t"), batchOf(1)).committed);
  await cluster.pass(2_000);
  for (const { node } of [first, second]) node.kill();
  ok(flipBases(second.node.disk) > 0, "it has bases");
  const bucket = new SimObjectStore(world, "a bucket that is away");
  bucket.faults.outage = "fails";
  Object.assign(second.node, { bucket });
  const leaders = new Set<number>();
  onControl(second, ({ controller }) => controller.onApplied(() => leaders.add(partition().leader)));
  other = await world.settle(second.node.start());
  await cluster.pass(5_000);
  deepEqual(partition().inSync, [1], "it has left the set, and waits");
  const whole = await world.settle(first.node.start());
  const isWhole = (): boolean => partition().inSync.length === 2 && whole.partitions.byName("t", 0)?.inSyncCount === 2;
  ok(await cluster.until(MENDED_MS_MAX, isWhole), "it is in sync again, as both know");
  ok(!leaders.has(2));
  const led = must(whole.partitions.byName("t", 0), "led by the first");
  equal(append(led, batchOf(0)).offset, 0, "a retry is known");
  const { base, live } = must(other.partitions.followed(partition().id), "followed by the second");
  deepEqual([base.incomplete, live.incomplete, live.producers.has(7)], [false, false, true]);
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

test("groups that nobody else was left for when their loss was told are named as lost, and given to the other as soon as that is back", async () => {
  const pair = await BrokerPair.open();
  const { first, second, cluster } = pair;
  const { world } = cluster;
  await world.settle(first.broker.controller.createInternalTopic(GROUPS_TOPIC, 1));
  const { id } = must(second.broker.controller.state.partition(GROUPS_TOPIC, 0), "the partition");
  const stateAt = ({ broker }: Pick<PairedBroker, "broker">) => must(broker.controller.state.partitions.get(id), "the partition");
  ok(await cluster.until(MENDED_MS_MAX, () => stateAt(second).leader > 0 && stateAt(second).inSync.length === 2), "both are in sync");
  const [leader, other] = stateAt(second).leader === 1 ? [first, second] : [second, first];
  const led = must(leader.broker.partitions.byId(id), "led");
  const objects: string[] = [];
  leader.broker.uploader.observe(({ object }) => object && objects.push(leader.broker.controller.state.objectKeyOf(object)));
  ok(await cluster.until(MENDED_MS_MAX, () => led.records !== undefined), "its groups are known");
  const offsets = new Map([[0, { offset: 5, leaderEpoch: 0, metadata: "", committedAtMs: 1 }]]);
  const topics = [{ topicId: "AAAAAAAAQACAAAAAAAAAAQ", offsets }];
  const commit = () => append(led, encodeEntries([{ kind: "offsets", groupId: "g", topics }], 1)).committed;
  await world.settle(commit());
  equal(await world.settle(leader.broker.uploader.drain(10_000)), true);
  ok(await cluster.until(MENDED_MS_MAX, () => other.broker.partitions.followed(id)?.uploadedEnd === led.uploadedEnd), "so it is known");
  await world.settle(commit()); // from which the other's log knows that what was uploaded was committed
  await cluster.pass(2_000); // and every group is known to be synced
  for (const { node } of [leader, other]) node.kill();
  flipFirstBatch(leader, id);
  for (const key of objects) cluster.bucket.flipBits(key, 1_000);
  // What it reports is heard when nobody else is left.
  let isAsked = false;
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  onControl(leader, (control) => {
    const { controller } = control;
    const report = controller.reportDamage.bind(controller);
    controller.reportDamage = (...told) => {
      isAsked = true;
      return left.then(() => report(...told));
    };
    electedFirst(cluster, control, id);
  });
  const alone = { broker: await world.settle(leader.node.start()) };
  ok(await cluster.until(MENDED_MS_MAX, () => isAsked), "its groups are lost");
  const least = { name: "min.insync.replicas", value: "1" };
  await world.settle(alone.broker.controller.replaceBrokerConfigs(ALL_BROKERS, [least], () => undefined, false));
  ok(await cluster.until(MENDED_MS_MAX, () => stateAt(alone).inSync.length === 1), "it is left alone");
  leave();
  ok(await cluster.until(MENDED_MS_MAX, () => alone.broker.damage.length > 0), "what is lost is named");
  const back = { broker: await world.settle(other.node.start()) };
  const isMended = () => stateAt(back).leader === other.node.id && stateAt(back).inSync.length === 2;
  ok(await cluster.until(MENDED_MS_MAX, isMended), "the other leads");
  ok(await cluster.until(MENDED_MS_MAX, () => back.broker.partitions.byId(id)?.records !== undefined), "with its groups");
  deepEqual([alone.broker.damage, back.broker.damage], [[], []]);
});

test("what the only member of a set has lost, a replica that comes back gives it, when that is before the next upload", async () => {
  const { pair, world, id, written } = await pairWithData();
  const { first, second, cluster } = pair;
  const { controller } = first.broker;
  const partition = () => must(controller.state.partition("t", 0), "the partition");
  await world.settle(controller.replaceTopicConfigs("t", [{ name: "min.insync.replicas", value: "1" }], false));
  second.node.kill();
  ok(await cluster.until(MENDED_MS_MAX, () => partition().inSync.length === 1), "the first is left alone");
  flipFirstBatch(first, id);
  await world.settle(Promise.resolve(pair.led("t").read(0, 1_000_000, true)).catch(() => undefined));
  await world.settle(append(pair.led("t"), records(10)).committed);
  deepEqual(first.broker.damage, [{ topic: "t", partition: 0, from: 0, to: 10 }]);
  const back = await world.settle(second.node.start());
  ok(await cluster.until(MENDED_MS_MAX, () => partition().leader === 2 && partition().inSync.length === 2), "the other leads");
  const all = [...written, { base: 10 * BATCHES, records: 10 }];
  deepEqual(await world.settle(readAll(must(back.partitions.byName("t", 0), "led by the other"))), all);
  deepEqual([first.broker.damage, back.damage], [[], []]);
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

test("who is given the lead by hand, and had fallen behind what was uploaded, begins with the object that ends there", async () => {
  const pair = await BrokerPair.open();
  const { first, second, cluster } = pair;
  await pair.createTopic("t");
  const { world, peers } = cluster;
  const { controller } = second.broker;
  const partition = () => must(controller.state.partition("t", 0), "t");
  await world.settle(controller.replaceTopicConfigs("t", [{ name: "min.insync.replicas", value: "1" }], false));
  await world.settle(append(pair.led("t"), records(10)).committed);
  const hosts = [first.node.address.host, second.node.address.host] as const;
  peers.cut(hosts[0], hosts[1]);
  peers.cut(hosts[1], hosts[0]);
  const { committed } = append(pair.led("t"), records(10));
  ok(await cluster.until(MENDED_MS_MAX, () => partition().inSync.length === 1), "it is late");
  await world.settle(committed);
  equal(await world.settle(first.broker.uploader.drain(10_000)), true);
  ok(await cluster.until(MENDED_MS_MAX, () => partition().uploadedEnd === 20), "it hears of what it does not have");
  equal(second.broker.partitions.followed(partition().id)?.logEnd, 10);
  first.node.kill();
  await world.settle(first.node.byHand(withoutLog));
  await world.settle(first.node.start());
  ok(await cluster.until(MENDED_MS_MAX, () => partition().inSync.length === 0), "its log is lost");
  deepEqual(await world.settle(second.broker.acceptLoss("t", 0)), { kind: "log", from: 20, isServed: true });
  const led = must(second.broker.partitions.byName("t", 0), "led by the other");
  deepEqual(
    await world.settle(readAll(led)),
    [0, 10].map((base) => ({ base, records: 10 })),
  );
});

test("a disk that does not give what a new leader needs costs it the lead, and its copy when that lasts: the others have it", async () => {
  const { pair, world, id, written } = await pairWithData();
  const { first, second, cluster } = pair;
  const partition = () => must(first.broker.controller.state.partition("t", 0), "the partition");
  second.node.disk.faults.readErrorRatio = 1;
  equal(await world.settle(first.broker.uploader.drain(10_000)), true);
  const { uploadedEnd } = pair.led("t");
  await cluster.pass(500);
  const followed = must(second.broker.partitions.followed(id), "followed by the second");
  ok(followed.uploadedEnd < uploadedEnd, "its base cannot be made");
  await world.settle(second.broker.controller.electLeader(id, partition().leaderEpoch, 2));
  const { leaderEpoch } = partition();
  ok(await cluster.until(HANDED_OVER_MS_MAX, () => partition().leader === 1), "the other leads again");
  equal(partition().leaderEpoch, leaderEpoch + 1);
  await cluster.pass(100);
  deepEqual(await world.settle(readAll(pair.led("t"))), written);
  const isMended = () => followed.uploadedEnd === uploadedEnd && partition().inSync.length === 2;
  ok(await cluster.until(MENDED_MS_MAX, isMended), "it has a new copy");
  equal(followed.live.incomplete, false);
});

test("a disk that gives no groups costs their leader the lead as soon as another is there", async () => {
  const { pair, world } = await pairWithData();
  const { first, second, cluster } = pair;
  await world.settle(first.broker.controller.createInternalTopic(GROUPS_TOPIC, 1));
  const partition = () => must(first.broker.controller.state.partition(GROUPS_TOPIC, 0), "the partition");
  ok(await cluster.until(MENDED_MS_MAX, () => partition().leader > 0 && partition().inSync.length === 2), "both are in sync");
  const [leader, other] = partition().leader === 1 ? [first, second] : [second, first];
  const { id } = partition();
  await cluster.pass(100);
  const led = must(leader.broker.partitions.byId(id), "led");
  ok(await cluster.until(MENDED_MS_MAX, () => led.records !== undefined), "its groups are known");
  await world.settle(append(led, encodeEntries([{ kind: "group-gone", groupId: "g" }], 1)).committed);
  for (let n = 0; n < BATCHES; n++) await world.settle(append(pair.led("t"), records(10, {}, n, 3_000)).committed);
  // As after a start. It is asked for again when the set changes.
  led.records = undefined;
  leader.node.disk.faults.readErrorRatio = 1;
  other.broker.logDamaged(id);
  ok(await cluster.until(MENDED_MS_MAX, () => partition().leader === other.node.id && partition().inSync.length === 2), "the other leads");
  ok(other.broker.partitions.byId(id)?.records !== undefined);
});
