// Goal: a fetch gets what lies from its offset to the mark, within its limits, waits when told to, and its sessions save words as Kafka's do.
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { API } from "@tidemq/client/apis.ts";
import { errorInfo } from "@tidemq/protocol/error-codes.ts";
import type { FetchResponse } from "@tidemq/protocol/messages/01-fetch.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { batchesOf, fetch, newTopic, only, produce, type Topic } from "./calls.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

/** Batches of the topic that most tests read. */
const BATCHES = 10;
const PER_BATCH = 5;
const NOW_MS = Date.now();
const END = BATCHES * PER_BATCH;

let target: Target;
let wire: Wire;
let topic: Topic;
let batchBytes = 0;

before(async () => {
  target = await startTarget();
  wire = await Wire.connect(target);
  topic = await newTopic(wire, "fetch", { partitions: 2 });
  for (let n = 0; n < BATCHES; n += 1) {
    const bytes = batchOf(PER_BATCH, n);
    batchBytes = bytes.length;
    equal((await produce(wire, topic, bytes)).error, "NONE");
  }
});
after(async () => {
  wire?.close();
  await target?.stop();
});

describe("positions", () => {
  test("the first offset gives everything, marks included", async () => {
    const got = await fetch(wire, topic, 0);
    deepEqual([got.error, got.highWatermark, got.lastStable, got.logStart], ["NONE", END, END, 0]);
    deepEqual(
      batchesOf(got.records).map((one) => one.baseOffset),
      Array.from({ length: BATCHES }, (_, n) => n * PER_BATCH),
    );
  });

  test("an offset inside a batch gives that batch whole", async () => {
    for (const offset of [PER_BATCH, PER_BATCH + 1, 2 * PER_BATCH - 1]) {
      equal(batchesOf((await fetch(wire, topic, offset)).records)[0]?.baseOffset, PER_BATCH);
    }
  });

  test("the end gives nothing, without an error", async () => {
    const { error, records, highWatermark } = await fetch(wire, topic, END);
    deepEqual([error, records.length, highWatermark], ["NONE", 0, END]);
  });

  for (const offset of [END + 1, END + 1_000_000, Number.MAX_SAFE_INTEGER, -1, -7]) {
    test(`${offset} is OFFSET_OUT_OF_RANGE`, async () => {
      const { error, records } = await fetch(wire, topic, offset);
      deepEqual([error, records.length], ["OFFSET_OUT_OF_RANGE", 0]);
    });
  }

  test("an unknown topic, partition and id", async () => {
    equal((await fetch(wire, { name: freshName("never"), topicId: "" }, 0)).error, "UNKNOWN_TOPIC_OR_PARTITION");
    equal((await fetch(wire, topic, 0, { partition: 2 })).error, "UNKNOWN_TOPIC_OR_PARTITION");
    equal((await fetch(wire, topic, 0, { partition: -1 })).error, "UNKNOWN_TOPIC_OR_PARTITION");
    equal((await fetch(wire, { name: "", topicId: "AAAAAAAAAAAAAAAAAAAABQ" }, 0, { version: 17 })).error, "UNKNOWN_TOPIC_ID");
  });

  test("a leader epoch that is not the present one", async () => {
    const { topics } = await wire.ask(API.metadata, 12, { topics: [{ name: topic.name, topicId: topic.topicId }] });
    const epoch = topics[0]?.partitions[0]?.leaderEpoch ?? -1;
    ok(epoch >= 0);
    equal((await fetch(wire, topic, 0, { currentLeaderEpoch: epoch })).error, "NONE");
    equal((await fetch(wire, topic, 0, { currentLeaderEpoch: epoch + 1 })).error, "UNKNOWN_LEADER_EPOCH");
    if (epoch > 0) equal((await fetch(wire, topic, 0, { currentLeaderEpoch: epoch - 1 })).error, "FENCED_LEADER_EPOCH");
  });

  for (const isolationLevel of [0, 1]) {
    test(`isolation level ${isolationLevel} reads to the same end without transactions`, async () => {
      equal(batchesOf((await fetch(wire, topic, 0, { isolationLevel })).records).at(-1)?.endOffset, END);
    });
  }
});

describe("limits", () => {
  const sizes = async (options: { maxBytes?: number; partitionMaxBytes?: number }) =>
    batchesOf((await fetch(wire, topic, 0, options)).records).length;

  test("the first batch comes whole whatever the limits say", async () => {
    equal(await sizes({ maxBytes: 1 }), 1);
    equal(await sizes({ partitionMaxBytes: 1 }), 1);
    equal(await sizes({ maxBytes: 0 }), 1);
    equal(await sizes({ partitionMaxBytes: batchBytes - 1 }), 1);
  });

  test("no more than the limit of the partition, none of the whole", async () => {
    for (const bytes of [batchBytes, 2 * batchBytes, 4 * batchBytes + 10]) {
      const { records } = await fetch(wire, topic, 0, { partitionMaxBytes: bytes });
      ok(records.length <= bytes && records.length > bytes - 2 * batchBytes, `${records.length} of ${bytes}`);
      ok((await fetch(wire, topic, 0, { maxBytes: bytes })).records.length <= bytes);
    }
  });

  test("what does not fit for one partition is left of the next", async () => {
    await produce(wire, topic, batchOf(PER_BATCH, 0), { partition: 1 });
    const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1_000_000 }));
    const body = { maxWaitMs: 0, minBytes: 1, maxBytes: 2 * batchBytes, topics: [{ topic: topic.name, partitions }] };
    const answers = only((await wire.ask(API.fetch, 12, body)).responses).partitions;
    const lengths = answers.map((one) => one.records?.length ?? 0);
    ok(lengths.reduce((sum, length) => sum + length) <= 2 * batchBytes, String(lengths));
    ok((lengths[0] ?? 0) > 0);
  });
});

describe("waiting", () => {
  test("a fetch at the end waits as long as it may", async () => {
    const other = await Wire.connect(target);
    const startMs = performance.now();
    const { error, records } = await fetch(other, topic, END, { maxWaitMs: 400 });
    const tookMs = performance.now() - startMs;
    deepEqual([error, records.length], ["NONE", 0]);
    ok(tookMs > 350 && tookMs < 1500, `${tookMs} ms`);
    other.close();
  });

  test("minBytes 0 does not wait", async () => {
    const startMs = performance.now();
    await fetch(wire, topic, END, { maxWaitMs: 5_000, minBytes: 0 });
    ok(performance.now() - startMs < 1_000);
  });

  test("an error does not wait", async () => {
    const startMs = performance.now();
    equal((await fetch(wire, topic, END + 5, { maxWaitMs: 5_000 })).error, "OFFSET_OUT_OF_RANGE");
    ok(performance.now() - startMs < 1_000);
  });

  test("a record that comes ends the wait", async () => {
    const own = await newTopic(wire, "wait");
    const other = await Wire.connect(target);
    for (let n = 0; n < 5; n += 1) {
      const waiting = fetch(other, own, n, { maxWaitMs: 8_000 });
      await pause(50);
      const startMs = performance.now();
      await produce(wire, own, batchOf(1, n));
      const { records, highWatermark } = await waiting;
      ok(performance.now() - startMs < 1_000, "at once");
      deepEqual([only(batchesOf(records)).baseOffset, highWatermark], [n, n + 1]);
    }
    other.close();
  });

  test("minBytes is gathered before the answer", async () => {
    const own = await newTopic(wire, "gather");
    const other = await Wire.connect(target);
    const bytes = batchOf(1, 0).length;
    const waiting = fetch(other, own, 0, { maxWaitMs: 8_000, minBytes: 3 * bytes });
    const done = { yes: false };
    void waiting.then(() => {
      done.yes = true;
    });
    for (let n = 0; n < 2; n += 1) await produce(wire, own, batchOf(1, n));
    await pause(200);
    equal(done.yes, false, "two thirds are not enough");
    await produce(wire, own, batchOf(1, 2));
    equal(batchesOf((await waiting).records).length, 3);
    other.close();
  });

  test("requests behind a waiting fetch on another connection go on", async () => {
    const other = await Wire.connect(target);
    const waiting = fetch(other, topic, END, { maxWaitMs: 600 });
    const startMs = performance.now();
    for (let n = 0; n < 20; n += 1) await fetch(wire, topic, 0);
    ok(performance.now() - startMs < 500);
    await waiting;
    other.close();
  });

  test("a client that goes away while it waits harms nobody", async () => {
    const own = await newTopic(wire, "gone");
    for (let n = 0; n < 20; n += 1) {
      const other = await Wire.connect(target);
      fetch(other, own, 0, { maxWaitMs: 8_000 }).catch(() => undefined);
      await pause(5);
      other.socket.resetAndDestroy();
    }
    equal((await produce(wire, own, batchOf(1, 0))).error, "NONE");
    equal(batchesOf((await fetch(wire, own, 0)).records).length, 1);
  });
});

describe("sessions", () => {
  const VERSION = 12;
  const one = (partition: number, fetchOffset: number) => ({ partition, fetchOffset, partitionMaxBytes: 1_000_000 });
  const ask = (
    own: Topic,
    sessionId: number,
    sessionEpoch: number,
    partitions: readonly ReturnType<typeof one>[],
    forgotten: number[] = [],
  ) =>
    wire.ask(API.fetch, VERSION, {
      maxWaitMs: 0,
      minBytes: 0,
      sessionId,
      sessionEpoch,
      topics: partitions.length === 0 ? [] : [{ topic: own.name, partitions }],
      forgottenTopicsData: forgotten.length === 0 ? [] : [{ topic: own.name, partitions: forgotten }],
    });
  const seen = (answer: FetchResponse) =>
    answer.responses.flatMap((each) =>
      each.partitions.map((part) => [part.partitionIndex, batchesOf(Buffer.from(part.records ?? [])).length]),
    );

  test("only what changed is answered, and what was asked for stays", async () => {
    const own = await newTopic(wire, "session", { partitions: 3 });
    const first = await ask(own, 0, 0, [one(0, 0), one(1, 0), one(2, 0)]);
    equal(first.errorCode, 0);
    ok(first.sessionId > 0, "a session");
    deepEqual(seen(first).length, 3, "a first answer names all");
    const idle = await ask(own, first.sessionId, 1, []);
    deepEqual([idle.errorCode, idle.sessionId, seen(idle)], [0, first.sessionId, []]);
    await produce(wire, own, batchOf(2, 0), { partition: 1 });
    deepEqual(seen(await ask(own, first.sessionId, 2, [])), [[1, 1]]);
    deepEqual(seen(await ask(own, first.sessionId, 3, [one(1, 2)])), [], "it has been read");
    await produce(wire, own, batchOf(2, 0), { partition: 0 });
    await produce(wire, own, batchOf(2, 0), { partition: 2 });
    deepEqual(seen(await ask(own, first.sessionId, 4, [], [2])), [[0, 1]], "2 is forgotten");
    const closed = await ask(own, first.sessionId, -1, []);
    equal(closed.errorCode, 0);
    equal(errorInfo((await ask(own, first.sessionId, 5, [])).errorCode).name, "FETCH_SESSION_ID_NOT_FOUND");
  });

  test("an unknown session and a wrong epoch", async () => {
    const own = await newTopic(wire, "session");
    equal(errorInfo((await ask(own, 4711, 3, [])).errorCode).name, "FETCH_SESSION_ID_NOT_FOUND");
    const { sessionId } = await ask(own, 0, 0, [one(0, 0)]);
    equal(errorInfo((await ask(own, sessionId, 7, [])).errorCode).name, "INVALID_FETCH_SESSION_EPOCH");
    equal((await ask(own, sessionId, 1, [])).errorCode, 0, "the session goes on");
  });

  test("without a session id and with epoch -1 there is none", async () => {
    equal((await ask(topic, 0, -1, [one(0, 0)])).sessionId, 0);
  });

  test("by ids, a topic that is created anew under its name is told", async () => {
    const own = await newTopic(wire, "session-ids");
    const byId = (sessionId: number, sessionEpoch: number, topicIds: readonly string[]) =>
      wire.ask(API.fetch, 17, {
        maxWaitMs: 0,
        minBytes: 0,
        sessionId,
        sessionEpoch,
        topics: topicIds.map((topicId) => ({ topicId, partitions: [one(0, 0)] })),
        forgottenTopicsData: [],
      });
    const { sessionId } = await byId(0, 0, [own.topicId]);
    ok(sessionId > 0);
    await produce(wire, own, batchOf(1, 0));
    deepEqual(seen(await byId(sessionId, 1, [])), [[0, 1]]);
    const unknown = await byId(sessionId, 2, ["AAAAAAAAAAAAAAAAAAAABQ"]);
    const codes = unknown.responses.flatMap((each) => each.partitions.map((part) => errorInfo(part.errorCode).name));
    ok(unknown.errorCode === 0 && codes.includes("UNKNOWN_TOPIC_ID"), `${unknown.errorCode} ${codes}`);
  });
});

function batchOf(records: number, n: number): Uint8Array {
  return buildBatch(Array.from({ length: records }, (_, i) => ({ timestampMs: NOW_MS, value: Buffer.from(`${n}/${i}`.padEnd(100, ".")) })));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
