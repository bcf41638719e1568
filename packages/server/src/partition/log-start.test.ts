import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { append, oneNode, records } from "../testing/partition-fixture.ts";
import { encodeHeaderFold } from "./header-fold-codec.ts";

/** Ten records a batch, of one idempotent producer. */
const batchOf = (n: number) => records(10, { producerId: 7, producerEpoch: 0, baseSequence: n * 10 }, n * 100, 300);

async function withBatches(count: number) {
  const node = await oneNode();
  node.node.config = { ...node.node.config, uploadAgeMs: 60_000 };
  await node.world.settle(node.node.stop());
  await node.world.settle(node.node.start());
  for (let n = 0; n < count; n++) await node.world.settle(append(node.partition(), batchOf(n)).committed);
  const { controller } = must(node.node.broker, "the broker");
  const raise = (logStart: number, batchOffset: number) => {
    const { identity, leaderEpoch } = node.partition();
    return node.world.settle(controller.raiseLogStart(identity.id, leaderEpoch, logStart, batchOffset));
  };
  return { ...node, raise };
}

test("a log start that cuts a batch above uploadedEnd takes uploadedEnd to that batch, and the fold stays exact", async () => {
  const { world, node, partition, raise } = await withBatches(8);
  equal(partition().uploadedEnd, 0);
  const exact = encodeHeaderFold(await world.settle(partition().foldAt(50)));
  deepEqual(await raise(55, 50), { logStart: 55, uploadedEnd: 50 });
  deepEqual([partition().logStart, partition().uploadedEnd, partition().highWatermark], [55, 50, 80]);
  partition().assertNumbers();
  equal(partition().base.incomplete, false);
  equal(partition().base.producers.get(7)?.batchCount, 5);
  ok(Buffer.compare(encodeHeaderFold(partition().base), exact) !== 0, "but for the epoch, which begins at the end now");
  const first = await world.settle(Promise.resolve(partition().read(55, 1, true)));
  equal(first.nextOffset, 60, "the cut batch is read whole; readers skip what lies below the log's start");
  first.hold?.release();
  const before = { base: encodeHeaderFold(partition().base), live: encodeHeaderFold(partition().live) };
  node.losePower();
  await world.settle(node.start());
  deepEqual([partition().logStart, partition().uploadedEnd, partition().highWatermark], [55, 50, 80]);
  deepEqual({ base: encodeHeaderFold(partition().base), live: encodeHeaderFold(partition().live) }, before);
  equal(append(partition(), batchOf(7)).offset, 70, "a duplicate is still known");
  const uploaded = await world.settle(must(node.broker, "the broker").uploader.drain(10_000));
  equal(uploaded, true);
  deepEqual([partition().logStart, partition().uploadedEnd], [55, 80]);
  deepEqual(partition().base, partition().live);
});

test("an upload and a raised log start at a time: whichever comes first, the fold is exact", async () => {
  for (const uploadFirst of [true, false]) {
    const { world, node, partition, raise } = await withBatches(8);
    const { uploader } = must(node.broker, "the broker");
    await world.settle(partition().foldAt(50));
    if (uploadFirst) await world.settle(uploader.drain(10_000));
    else await world.settle(partition().foldAt(80)); // as the upload does, whose commit comes too late
    await raise(55, 50);
    await world.settle(uploader.drain(10_000));
    deepEqual([partition().logStart, partition().uploadedEnd], [55, 80]);
    equal(partition().base.incomplete, false);
    deepEqual(partition().base, partition().live);
  }
});

test("a read under way when the log start is raised above it is out of range: it does not go on behind", async () => {
  const { world, node, partition, raise } = await withBatches(3);
  const { uploader } = must(node.broker, "the broker");
  while (partition().wal.firstOffset <= 30) {
    await world.settle(append(partition(), records(10, {}, 1_000, 2_000)).committed);
    await world.settle(uploader.drain(10_000));
  }
  node.bucket.faults.readMs = [500, 500];
  const reading = Promise.resolve(partition().read(5, 1_000_000, true));
  const outcome = rejects(reading, { code: "OFFSET_OUT_OF_RANGE" });
  await raise(30, 30);
  await world.settle(outcome);
});
