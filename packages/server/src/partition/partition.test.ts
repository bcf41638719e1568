import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { append, oneNode, readAll, records } from "../testing/partition-fixture.ts";
import { encodeHeaderFold } from "./header-fold-codec.ts";
import { FOLDED_BATCHES_PER_TURN } from "./limits.ts";
import { OffsetLookup } from "./offset-lookup.ts";

test("offsets are dense, nothing is visible before it is durable, readers see what was appended", async () => {
  const { world, partition } = await oneNode();
  const first = append(partition(), records(3));
  const second = append(partition(), records(2));
  deepEqual([first.offset, second.offset, partition().logEnd, partition().highWatermark], [0, 3, 5, 0]);
  equal((await partition().read(0, 1000, true)).pieces.length, 0, "below the mark only");
  equal(await world.settle(second.committed), 5);
  equal(await world.settle(first.committed), 3);
  deepEqual(await world.settle(readAll(partition())), [
    { base: 0, records: 3 },
    { base: 3, records: 2 },
  ]);
  throws(
    () => partition().read(6, 1000, true),
    (error: unknown) => error instanceof QueueError && error.code === "OFFSET_OUT_OF_RANGE",
  );
});

test("the retry of a batch that is not durable yet waits for it, and gets the same offset", async () => {
  const { world, partition } = await oneNode();
  const bytes = () => records(4, { producerId: 9, producerEpoch: 0, baseSequence: 0 });
  const first = append(partition(), bytes());
  const retry = append(partition(), bytes());
  deepEqual([retry.code, retry.offset, partition().logEnd], [undefined, first.offset, 4]);
  let early = true;
  void retry.committed.then(() => {
    early = partition().highWatermark < 4;
  });
  await world.settle(retry.committed);
  equal(early, false);
  const late = append(partition(), bytes());
  equal(await world.settle(late.committed), 4, "durable long ago: told at once");
  equal(append(partition(), records(1, { producerId: 9, producerEpoch: 0, baseSequence: 9 })).code, "OUT_OF_ORDER_SEQUENCE");
  equal(partition().logEnd, 4);
});

test("the retry of a batch that is not remembered any more is told as a duplicate when it must be committed, and not before", async () => {
  const { world, partition } = await oneNode();
  const send = (n: number) => append(partition(), records(2, { producerId: 9, producerEpoch: 0, baseSequence: 2 * n }));
  const sent = Array.from({ length: 7 }, (_, n) => send(n));
  equal(send(0).code, "NOT_ENOUGH_REPLICAS_AFTER_APPEND");
  await world.settle(must(sent.at(-1), "the last").committed);
  equal(send(0).code, "DUPLICATE_SEQUENCE");
  equal(partition().logEnd, 14);
});

test("a fold over many batches is taken in steps, and is that of all", async () => {
  const { world, node, partition } = await oneNode();
  const batches = FOLDED_BATCHES_PER_TURN * 2 + 1;
  for (let n = 0; n < batches; n++) append(partition(), records(1, { producerId: n, producerEpoch: 0, baseSequence: 0 }));
  await world.settle(append(partition(), records(1)).committed);
  const { clock } = must(node.process, "the process");
  const { nextTurn } = clock;
  let turns = 0;
  clock.nextTurn = (run) => {
    turns += 1;
    nextTurn.call(clock, run);
  };
  const fold = await world.settle(partition().foldAt(batches));
  ok(turns >= 2, `the loop was given back ${turns} times`);
  deepEqual([fold.nextOffset, fold.producers.size, fold.incomplete], [batches, batches, false]);
});

test("uploads, a clean stop and a crash change nothing of what is remembered", async () => {
  const { world, node, partition } = await oneNode();
  const upTo = async (count: number, from: number): Promise<void> => {
    for (let n = from; n < from + count; n++) {
      const bytes = records(5, { producerId: 7, producerEpoch: 0, baseSequence: n * 5 }, n * 100, 4_000);
      await world.settle(append(partition(), bytes).committed);
    }
  };
  await upTo(60, 0);
  await world.run(world.nowMs + 10_000);
  ok(partition().uploadedEnd > 0, "something was uploaded");
  await upTo(3, 60);
  const before = { fold: encodeHeaderFold(partition().live), read: await world.settle(readAll(partition())) };
  equal(before.read.length, 63);
  await world.settle(node.stop());
  await world.settle(node.start());
  // A new leader epoch begins with the first batch of it, so the fold is still the same.
  deepEqual(encodeHeaderFold(partition().live), before.fold);
  deepEqual(await world.settle(readAll(partition())), before.read);
  node.losePower();
  await world.settle(node.start());
  deepEqual(encodeHeaderFold(partition().live), before.fold);
  equal(partition().base.nextOffset, partition().uploadedEnd);
  const retry = append(partition(), records(5, { producerId: 7, producerEpoch: 0, baseSequence: 62 * 5 }, 62 * 100, 4_000));
  deepEqual([retry.code, retry.offset], [undefined, 62 * 5], "known across restarts, and not appended again");
});

test("offsets by time: below and above uploadedEnd, inside of batches", async () => {
  const { world, node, partition } = await oneNode();
  for (let n = 0; n < 80; n++) {
    await world.settle(append(partition(), records(5, {}, 1_000 + n * 100, 4_000)).committed);
    await world.run(world.nowMs + 20);
  }
  await world.run(world.nowMs + 10_000);
  for (let n = 80; n < 84; n++) await world.settle(append(partition(), records(5, {}, 1_000 + n * 100, 4_000)).committed);
  ok(partition().uploadedEnd > 0 && partition().uploadedEnd < partition().logEnd);
  const lookup = new OffsetLookup(must(node.broker, "the broker").remote);
  const at = async (timestampMs: number) => (await world.settle(lookup.firstAt(partition(), timestampMs)))?.offset;
  deepEqual([await at(0), await at(1_000), await at(1_003), await at(1_005)], [0, 0, 3, 5]);
  equal(await at(1_000 + 83 * 100 + 4), 83 * 5 + 4);
  equal(await at(1_000 + 83 * 100 + 5), undefined);
  deepEqual(await world.settle(lookup.largest(partition())), { offset: 83 * 5 + 4, timestampMs: 1_000 + 83 * 100 + 4, leaderEpoch: 0 });
});

test("a deleted topic answers nobody any more, and its waiters learn that they were left", async () => {
  const { world, node, partition } = await oneNode();
  const kept = partition();
  await world.settle(append(kept, records(1)).committed);
  let failure = 0;
  const bytes = records(1);
  kept.append(bytes, 0, bytes.byteLength, {
    reached: (_end, code) => {
      failure = code;
    },
  });
  kept.close(3);
  equal(failure, 3);
  equal(append(kept, records(1)).code, "NOT_LEADER");
  await rejects(
    async () => kept.read(0, 1, true),
    (error: unknown) => error instanceof QueueError && error.code === "NOT_LEADER",
  );
  await world.settle(must(node.broker, "the broker").controller.deleteTopics([{ name: "t", topicId: undefined }]));
  equal(node.broker?.partitions.byName("t", 0), undefined);
});
