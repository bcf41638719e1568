import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { BrokerPair } from "../testing/broker-pair.ts";
import { append, records } from "../testing/partition-fixture.ts";
import { areEqual, digestOf } from "./fold-digest.ts";
import { HeaderFold } from "./header-fold.ts";
import { PartitionLedLog } from "./led-log.ts";
import { PRODUCERS_MIN } from "./limits.ts";

// Goal: a replica that remembers something else than its leader, at an offset that an object ends with, notices and mends it.

const COMPARED_MS_MAX = 20_000;

function foldOf(producers: number, firstId = 1): HeaderFold {
  const fold = new HeaderFold(0);
  for (let n = 0; n < producers; n++) {
    const batch = records(1, { producerId: firstId + n, producerEpoch: 0, baseSequence: 0, baseOffset: n });
    fold.apply(batch, 0, 1_000);
  }
  return fold;
}

test("few producers count, many do not: a broker may have had to forget some; what is not known is not compared", () => {
  const few = must(digestOf(foldOf(2), 0), "a digest");
  ok(areEqual(few, must(digestOf(foldOf(2), 0), "a digest")));
  ok(!areEqual(few, must(digestOf(foldOf(2, 7), 0), "a digest")));
  ok(areEqual(must(digestOf(foldOf(PRODUCERS_MIN), 0), "a digest"), must(digestOf(foldOf(PRODUCERS_MIN, 7), 0), "a digest")));
  const lost = foldOf(1);
  lost.skipTo(5);
  equal(digestOf(lost, 0), undefined);
  ok(areEqual({ ...few, records: 1 }, few));
  ok(!areEqual({ ...few, records: 1 }, { ...few, records: 2 }));
});

test("a base from a leader that knew of a later log start is not compared by the earlier one, and a leader tells the newest", async () => {
  const base = new HeaderFold(0);
  for (let n = 0; n < 3; n++) base.apply(records(5, { baseOffset: n * 5 }), 0, 1_000);
  base.setLogStart(10);
  equal(digestOf(base, 5), undefined);
  equal(digestOf(base, 10)?.logStart, 10);
  const pair = await BrokerPair.open({}, { uploadAgeMs: 1_000 });
  await pair.createTopic("t");
  const led = pair.led("t");
  await pair.cluster.world.settle(append(led, records(5)).committed);
  ok(await pair.cluster.until(COMPARED_MS_MAX, () => led.uploadedEnd === 5));
  const log = new PartitionLedLog(led);
  equal(log.foldDigest()?.logStart, 0);
  led.logStartRaised(3);
  deepEqual(log.foldDigest(), digestOf(led.base, 3));
});

test("a follower whose fold differs leaves the set, begins anew with the leader's, and is in sync again", async () => {
  const config = { uploadBytes: 64 * 1024 * 1024, uploadAgeMs: 3_000 };
  const pair = await BrokerPair.open(config, config);
  await pair.createTopic("t");
  const { cluster, second } = pair;
  const { controller, partitions } = second.broker;
  const partition = () => must(controller.state.partition("t", 0), "the partition");
  const write = (n: number) =>
    cluster.world.settle(append(pair.led("t"), records(5, { producerId: 7, producerEpoch: 0, baseSequence: n * 5 }, n)).committed);
  await write(0);
  const followed = must(partitions.followed(partition().id), "followed by the second");
  ok(await cluster.until(COMPARED_MS_MAX, () => followed.base.nextOffset === 5));
  deepEqual(partition().inSync, [1, 2], "equal folds change nothing");
  must(followed.base.producers.get(7), "the producer").lastAppendTimeMs += 1;
  const sets: string[] = [];
  controller.onApplied(() => sets.push(partition().inSync.join()));
  followed.base.maxTimestampMs += 1_000_000;
  await write(1);
  ok(await cluster.until(COMPARED_MS_MAX, () => sets.includes("1")), "it has left");
  ok(await cluster.until(COMPARED_MS_MAX, () => partition().inSync.length === 2), "and is back");
  const leaders = digestOf(pair.led("t").base, 0);
  notEqual(leaders, undefined);
  deepEqual(digestOf(followed.base, 0), leaders);
});
