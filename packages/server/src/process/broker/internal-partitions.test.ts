import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { encodeEntries } from "../../coordinator/fold/entry-batch.ts";
import { GroupsFold } from "../../coordinator/fold/groups-fold.ts";
import { GROUPS_TOPIC } from "../../coordinator/group-coordinator.ts";
import type { Disk } from "../../io/disk.ts";
import type { Partition } from "../../partition/partition.ts";
import { append } from "../../testing/partition-fixture.ts";
import { SimBroker } from "../../testing/sim-broker.ts";
import { HEALTHY_OBJECT_STORE } from "../../testing/sim-io/object-store.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { healthOf } from "../endpoints/health.ts";
import type { Broker } from "./broker.ts";

const TOPIC_ID = "AAAAAAAAQACAAAAAAAAAAQ";
const METADATA_BYTES = 300;

/** A node with one internal partition, in which group g commits offset after offset. */
async function nodeWithGroups(seed = 1) {
  const world = new SimWorld(seed);
  const node = new SimBroker(world, { uploadAgeMs: 600_000, uploadBytes: 1024 * 1024 });
  const up = (): Broker => must(node.broker, "a broker that is up");
  const found = (): Partition | undefined => {
    const id = up().controller.state.internalTopics.get(GROUPS_TOPIC)?.partitions[0];
    return id === undefined ? undefined : up().partitions.byId(id);
  };
  const partition = (): Partition => must(found(), "the internal partition");
  const commit = async (from: number, to: number): Promise<void> => {
    for (let offset = from; offset < to; offset++) {
      const committed = { offset, leaderEpoch: 0, metadata: "m".repeat(METADATA_BYTES), committedAtMs: offset };
      const topics = [{ topicId: TOPIC_ID, offsets: new Map([[0, committed]]) }];
      await world.settle(append(partition(), encodeEntries([{ kind: "offsets", groupId: "g", topics }], 1)).committed);
    }
  };
  /** Where the group is; undefined: nobody knows. */
  const place = (): number | undefined => {
    const { records } = partition();
    return records instanceof GroupsFold ? records.groups.get("g")?.offsets.get(TOPIC_ID)?.get(0)?.offset : undefined;
  };
  await world.settle(node.start());
  await world.settle(up().controller.createInternalTopic(GROUPS_TOPIC, 1));
  await world.settle(until(world, () => found()?.records !== undefined));
  return { world, node, up, partition, commit, place };
}

async function until(world: SimWorld, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !holds(); i++) await new Promise<void>((resolve) => world.after(1, resolve));
  ok(holds());
}

test("the fold of records is there again after a stop and a crash, from the log alone", async () => {
  const { world, node, commit, place, partition } = await nodeWithGroups();
  await commit(0, 5);
  await world.settle(node.stop());
  await world.settle(node.start());
  equal(place(), 4);
  await commit(5, 8);
  node.losePower();
  await world.settle(node.start());
  equal(place(), 7);
  equal(partition().logEnd, 8);
});

test("what was uploaded is in the base: of the log, over many of its files, and of the object when the log has none", async () => {
  const { world, node, up, commit, place, partition } = await nodeWithGroups(2);
  await commit(0, 6);
  equal(await world.settle(up().uploader.drain(10_000)), true);
  deepEqual([partition().uploadedEnd, partition().base.recordsEnd], [6, 6]);
  await commit(6, 9);
  node.kill();
  await world.settle(node.start());
  equal(place(), 8);
  equal(await world.settle(up().uploader.drain(10_000)), true);
  await world.settle(node.stop());
  await world.settle(node.byHand(emptyWal));
  await world.settle(node.start());
  await world.settle(up().acceptLoss(GROUPS_TOPIC, 0));
  await world.settle(until(world, () => place() !== undefined));
  equal(place(), 8);
  await commit(9, 12);
  equal(place(), 11);
});

test("damage takes the groups offline until a person gives up what is lost; then they go on", async () => {
  const { world, node, up, commit, place } = await nodeWithGroups(3);
  await commit(0, 10);
  await world.settle(node.stop());
  await world.settle(
    node.byHand(async (disk) => {
      for (const name of await disk.list("wal")) {
        const file = await disk.open(`wal/${name}`, "write");
        const bytes = Buffer.alloc(await file.size());
        await file.read(0, bytes);
        const at = nth(bytes, "m".repeat(METADATA_BYTES), 3);
        if (at >= 0) await file.write(at + 7, [Buffer.from("X")], true);
        await file.close();
      }
    }),
  );
  await world.settle(node.start());
  equal(place(), undefined);
  deepEqual(healthOf(up()).partitions.damaged, [{ topic: GROUPS_TOPIC, partition: 0, from: 3, to: 4 }]);
  match(healthOf(up()).problems.join(), /1 ranges of offsets are damaged/);
  equal(await world.settle(up().uploader.drain(1_000)), true, "nothing of it is uploaded");
  await world.settle(up().acceptLoss(GROUPS_TOPIC, 0));
  await world.settle(until(world, () => place() !== undefined));
  equal(place(), 9);
  await commit(10, 12);
  equal(await world.settle(up().uploader.drain(10_000)), true);
  node.kill();
  await world.settle(node.start());
  equal(place(), 11);
});

test("without object storage, what only that has is waited for, and comes by itself", async () => {
  const { world, node, up, commit, place } = await nodeWithGroups(4);
  await commit(0, 6);
  equal(await world.settle(up().uploader.drain(10_000)), true);
  await world.settle(node.stop());
  await world.settle(node.byHand(emptyWal));
  node.bucket.faults.outage = "fails";
  await world.settle(node.start());
  const accepted = await world.settle(up().acceptLoss(GROUPS_TOPIC, 0));
  deepEqual(accepted, { kind: "log", from: 6, isServed: false });
  Object.assign(node.bucket.faults, HEALTHY_OBJECT_STORE);
  await world.settle(until(world, () => up().partitions.count > 0 && place() !== undefined));
  equal(place(), 5);
});

test("what lies below the newest range goes, and its objects; the newest alone brings the groups back", async () => {
  const { world, node, up, commit, place, partition } = await nodeWithGroups(5);
  for (let from = 0; from < 9; from += 3) {
    await commit(from, from + 3);
    equal(await world.settle(up().uploader.drain(10_000)), true);
  }
  equal(node.bucket.keys().length, 3);
  await world.settle(up().retention.look());
  deepEqual([partition().logStart, partition().uploadedEnd], [6, 9]);
  equal(up().retention.raised.internal, 1);
  await world.settle(new Promise<void>((resolve) => world.after(5_000, resolve)));
  equal(node.bucket.keys().length, 1);
  await world.settle(node.stop());
  await world.settle(node.byHand(emptyWal));
  await world.settle(node.start());
  await world.settle(up().acceptLoss(GROUPS_TOPIC, 0));
  await world.settle(until(world, () => place() !== undefined));
  equal(place(), 8);
});

async function emptyWal(disk: Disk): Promise<void> {
  for (const name of await disk.list("wal")) await disk.remove(`wal/${name}`);
  await disk.syncFolder("wal");
}

/** Where the n-th occurrence, counted from 0, begins; −1 when there are fewer. */
function nth(bytes: Buffer, text: string, n: number): number {
  let at = -1;
  for (let i = 0; i <= n; i++) {
    at = bytes.indexOf(text, at + 1);
    if (at < 0) return -1;
  }
  return at;
}
