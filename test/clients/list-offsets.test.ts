// Goal: every kind of offset that a client can ask for is the one that Kafka finds.
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { API } from "@tidemq/client/apis.ts";
import { errorInfo } from "@tidemq/protocol/error-codes.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { EARLIEST, LATEST, MAX_TIMESTAMP, newTopic, offsetAt, only, produce, type Topic } from "./calls.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
/** Records lie a second apart, in batches of three. */
const BASE_MS = Date.now() - 100_000;
const RECORDS = 12;

let target: Target;
let wire: Wire;
let topic: Topic;

before(async () => {
  target = await startTarget();
  wire = await Wire.connect(target);
  topic = await newTopic(wire, "offsets", { partitions: 2 });
  for (let n = 0; n < RECORDS; n += 3) await send(topic, [timeOf(n), timeOf(n + 1), timeOf(n + 2)]);
});
after(async () => {
  wire?.close();
  await target?.stop();
});

describe("ListOffsets", () => {
  test("earliest and latest, of a partition with records and of one without", async () => {
    equal((await offsetAt(wire, topic.name, 0, EARLIEST)).offset, 0);
    equal((await offsetAt(wire, topic.name, 0, LATEST)).offset, RECORDS);
    equal((await offsetAt(wire, topic.name, 1, EARLIEST)).offset, 0);
    const { offset, timestamp, leaderEpoch } = await offsetAt(wire, topic.name, 1, LATEST);
    deepEqual([offset, timestamp], [0, -1]);
    ok(leaderEpoch >= -1);
  });

  test("a time gives the first record that is not older, with its own time", async () => {
    for (let n = 0; n < RECORDS; n += 1) {
      for (const [timestamp, index] of [
        [timeOf(n), n],
        [timeOf(n) - 1, n],
        [timeOf(n) - 999, n],
      ] as const) {
        const { offset, timestamp: found } = await offsetAt(wire, topic.name, 0, timestamp);
        deepEqual([offset, found], [index, timeOf(index)]);
      }
    }
    equal((await offsetAt(wire, topic.name, 0, 0)).offset, 0);
  });

  test("a time behind all records gives -1", async () => {
    for (const timestamp of [timeOf(RECORDS - 1) + 1, Date.now() + 86_400_000, Number.MAX_SAFE_INTEGER]) {
      const { error, offset, timestamp: found } = await offsetAt(wire, topic.name, 0, timestamp);
      deepEqual([error, offset, found], ["NONE", -1, -1]);
    }
    equal((await offsetAt(wire, topic.name, 1, 0)).offset, -1);
  });

  for (const compression of ["none", "gzip", "zstd"] as const) {
    test(`in ${compression} batches whose times go up and down`, async () => {
      const own = await newTopic(wire, "unordered");
      await send(own, [timeOf(5), timeOf(2), timeOf(9)], compression);
      await send(own, [timeOf(4), timeOf(3), timeOf(1)], compression);
      await send(own, [timeOf(20), timeOf(30), timeOf(30), timeOf(11)], compression);
      deepEqual(await found(own, timeOf(1)), [0, timeOf(5)]);
      deepEqual(await found(own, timeOf(6)), [2, timeOf(9)]);
      deepEqual(await found(own, timeOf(10)), [6, timeOf(20)]);
      deepEqual(await found(own, timeOf(21)), [7, timeOf(30)]);
      deepEqual(await found(own, MAX_TIMESTAMP), [7, timeOf(30)]);
    });
  }

  test("the largest time, and that of an empty partition", async () => {
    deepEqual(await found(topic, MAX_TIMESTAMP), [RECORDS - 1, timeOf(RECORDS - 1)]);
    const { error, offset, timestamp } = await offsetAt(wire, topic.name, 1, MAX_TIMESTAMP);
    deepEqual([error, offset, timestamp], ["NONE", -1, -1]);
  });

  test("the largest time of a batch with append time is that of its last record", async () => {
    const own = await newTopic(wire, "append-time", { configs: { "message.timestamp.type": "LogAppendTime" } });
    await send(own, [timeOf(1), timeOf(2)]);
    const [offset, timestamp] = await found(own, MAX_TIMESTAMP);
    ok((timestamp ?? 0) > Date.now() - 60_000);
    ok(offset === 0 || offset === 1, String(offset));
    equal((await offsetAt(wire, own.name, 0, timestamp ?? 0)).offset, 0);
  });

  test("earliest local is an offset of the log; latest tiered is -1 or one before the end", async () => {
    const local = await offsetAt(wire, topic.name, 0, EARLIEST_LOCAL, 9);
    ok(local.error === "NONE" && local.offset >= 0 && local.offset <= RECORDS, `${local.error} ${local.offset}`);
    const tiered = await offsetAt(wire, topic.name, 0, LATEST_TIERED, 9);
    ok(tiered.error === "NONE" && tiered.offset >= -1 && tiered.offset < RECORDS, `${tiered.error} ${tiered.offset}`);
  });

  test("kinds that a version does not know yet are UNSUPPORTED_VERSION", async () => {
    equal((await offsetAt(wire, topic.name, 0, MAX_TIMESTAMP, 6)).error, "UNSUPPORTED_VERSION");
    equal((await offsetAt(wire, topic.name, 0, EARLIEST_LOCAL, 7)).error, "UNSUPPORTED_VERSION");
    equal((await offsetAt(wire, topic.name, 0, LATEST_TIERED, 8)).error, "UNSUPPORTED_VERSION");
    equal((await offsetAt(wire, topic.name, 0, -99)).error, "UNSUPPORTED_VERSION");
  });

  test("an unknown topic, an unknown partition, and a partition twice", async () => {
    equal((await offsetAt(wire, freshName("never"), 0, LATEST)).error, "UNKNOWN_TOPIC_OR_PARTITION");
    const unknown = await offsetAt(wire, topic.name, 2, LATEST);
    deepEqual([unknown.error, unknown.offset], ["UNKNOWN_TOPIC_OR_PARTITION", -1]);
    const partitions = [EARLIEST, LATEST].map((timestamp) => ({ partitionIndex: 0, timestamp }));
    const answer = await wire.ask(API.listOffsets, 8, { replicaId: -1, isolationLevel: 0, topics: [{ name: topic.name, partitions }] });
    ok(answer.topics.flatMap((one) => one.partitions).every((one) => errorInfo(one.errorCode).name === "INVALID_REQUEST"));
  });
});

describe("OffsetForLeaderEpoch", () => {
  const ask = async (leaderEpoch: number, currentLeaderEpoch = -1, name = topic.name) => {
    const topics = [{ topic: name, partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch }] }];
    const answer = only(only((await wire.ask(API.offsetForLeaderEpoch, 4, { topics })).topics).partitions);
    return [errorInfo(answer.errorCode).name, answer.leaderEpoch, answer.endOffset];
  };
  const epochNow = async () => {
    const { topics } = await wire.ask(API.metadata, 12, { topics: [{ name: topic.name, topicId: topic.topicId }] });
    return topics[0]?.partitions[0]?.leaderEpoch ?? -1;
  };

  test("the present epoch ends at the end of the log", async () => {
    const epoch = await epochNow();
    deepEqual(await ask(epoch), ["NONE", epoch, RECORDS]);
    deepEqual(await ask(epoch, epoch), ["NONE", epoch, RECORDS]);
  });

  test("an epoch to come is not known", async () => {
    deepEqual(await ask((await epochNow()) + 5), ["NONE", -1, -1]);
  });

  test("a client that knows a later leader, or an earlier one, is told", async () => {
    const epoch = await epochNow();
    equal((await ask(epoch, epoch + 1))[0], "UNKNOWN_LEADER_EPOCH");
    if (epoch > 0) equal((await ask(epoch, epoch - 1))[0], "FENCED_LEADER_EPOCH");
  });

  test("of an unknown topic", async () => {
    deepEqual(await ask(0, -1, freshName("never")), ["UNKNOWN_TOPIC_OR_PARTITION", -1, -1]);
  });
});

function timeOf(index: number): number {
  return BASE_MS + index * 1000;
}

async function send(to: Topic, times: readonly number[], compression: "none" | "gzip" | "zstd" = "none"): Promise<void> {
  const records = times.map((timestampMs) => ({ timestampMs, value: Buffer.from("x") }));
  equal((await produce(wire, to, buildBatch(records, { compression }))).error, "NONE");
}

async function found(of: Topic, timestamp: number): Promise<number[]> {
  const { error, offset, timestamp: time } = await offsetAt(wire, of.name, 0, timestamp);
  equal(error, "NONE");
  return [offset, time];
}
