import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { encodeHeaderFold } from "../../partition/header-fold-codec.ts";
import { append, oneNode, readAll, records } from "../../testing/partition-fixture.ts";

// Goal: a broker that was fenced and comes back leads with everything that its log has, in a new epoch, and nobody who waits is told more
// than is true.

const BROKER = 1;
const batchOf = (n: number) => records(10, { producerId: 7, producerEpoch: 0, baseSequence: n * 10 }, n * 100);

async function fencedNode() {
  const { world, node, partition } = await oneNode();
  const broker = must(node.broker, "a broker");
  const { controller } = broker;
  const fence = (): Promise<number> => controller.fenceBroker(BROKER, must(controller.state.brokers.get(BROKER), "broker").epoch);
  return { world, node, broker, controller, partition, fence, ready: () => controller.electLeaders(BROKER) };
}

test("fenced, it leads nothing; back, it leads everything that it had, in a new epoch", async () => {
  const { world, broker, partition, fence, ready } = await fencedNode();
  for (let n = 0; n < 3; n += 1) await world.settle(append(partition(), batchOf(n)).committed);
  const before = partition();
  const { leaderEpoch } = before;
  const fold = encodeHeaderFold(before.live);
  await world.settle(fence());
  equal(broker.partitions.byName("t", 0), undefined);
  equal(append(before, batchOf(3)).code, "NOT_LEADER");
  await world.settle(ready());
  const after = partition();
  ok(after.leaderEpoch > leaderEpoch);
  deepEqual(encodeHeaderFold(after.live), fold);
  equal(append(after, batchOf(2)).offset, 20, "a retry is known");
  await world.settle(append(after, batchOf(3)).committed);
  deepEqual(
    (await world.settle(readAll(after))).map(({ base }) => base),
    [0, 10, 20, 30],
  );
  equal(await world.settle(broker.uploader.drain(10_000)), true);
  equal(after.uploadedEnd, 40);
});

test("who waits when it is fenced learns that nobody knows; the record may be there, and is not twice", async () => {
  const { world, partition, fence, ready } = await fencedNode();
  const codes: number[] = [];
  const waiting = partition();
  waiting.append(batchOf(0), 0, batchOf(0).byteLength, { reached: (_, code) => codes.push(code) });
  const fenced = fence();
  await world.settle(fenced);
  await world.settle(ready());
  ok(codes.length === 1);
  await world.settle(append(partition(), batchOf(0)).committed);
  deepEqual(await world.settle(readAll(partition())), [{ base: 0, records: 10 }]);
});

test("a crash while it is fenced loses nothing", async () => {
  const { world, node, partition, fence } = await fencedNode();
  for (let n = 0; n < 3; n += 1) await world.settle(append(partition(), batchOf(n)).committed);
  await world.settle(fence());
  node.kill();
  await world.settle(node.start());
  equal((await world.settle(readAll(partition()))).length, 3);
});

test("a topic deleted while its leader is fenced is gone, and its room in the log, too", async () => {
  const { world, broker, partition, fence, ready, controller } = await fencedNode();
  await world.settle(append(partition(), batchOf(0)).committed);
  const { id } = partition().identity;
  await world.settle(fence());
  await world.settle(controller.deleteTopics([{ name: "t", topicId: undefined }]));
  await world.settle(ready());
  equal(broker.partitions.count, 0);
  equal(broker.wal.partition(id), undefined);
});

test("options set meanwhile count", async () => {
  const { world, partition, fence, ready, controller } = await fencedNode();
  await world.settle(fence());
  await world.settle(controller.replaceTopicConfigs("t", [{ name: "retention.ms", value: "77000" }], false));
  await world.settle(ready());
  equal(partition().settings.retentionMs, 77_000);
});
