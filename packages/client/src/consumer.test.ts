import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { FetchRequest } from "@tidemq/protocol/messages/01-fetch.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import type { Message, MessageInput } from "@tidemq/protocol/schema.ts";
import { API } from "./apis.ts";
import type { Consumer } from "./consumer.ts";
import { type ClientError, OffsetOutOfRangeError } from "./errors.ts";
import { type Scene, scene } from "./testing/scripted-client.ts";
import type { ScriptedCluster } from "./testing/scripted-cluster.ts";
import type { ScriptedLog } from "./testing/scripted-log.ts";

const QUICK = { requestTimeoutMs: 1_000, connectTimeoutMs: 200, backOff: { firstMs: 10, longestMs: 100 } } as const;

/** A topic whose partitions hold batches of two records each: "0.0" is partition 0, offset 0. */
function filled(batches: number, partitions = 1, nodeIds: readonly number[] = [1]): Scene & { logs: ScriptedLog[] } {
  const made = scene(QUICK, nodeIds);
  const logs = made.cluster.createTopic("t", partitions);
  logs.forEach((log, partition) => {
    for (let i = 0; i < batches; i += 1) log.append(batch(partition, i * 2));
  });
  return { ...made, logs };
}

function batch(partition: number, offset: number): Uint8Array {
  const record = (at: number) => ({ timestampMs: 1_000 + at, value: Buffer.from(`${partition}.${at}`) });
  return buildBatch([record(offset), record(offset + 1)]);
}

async function take(world: Scene["world"], consumer: Consumer, count: number): Promise<string[]> {
  const values: string[] = [];
  while (values.length < count) {
    const next = await world.run(consumer.next());
    if (next === undefined) break;
    values.push(...next.records().map((record) => Buffer.from(record.value ?? []).toString()));
  }
  return values;
}

function fetchesOf(cluster: ScriptedCluster): FetchRequest[] {
  return cluster.requests.filter(({ api }) => api.key === API.fetch.key).map(({ body }) => body as FetchRequest);
}

test("reads from the beginning, in order, and waits for more", async () => {
  const { world, client, logs } = filled(3);
  const consumer = client.consumer();
  consumer.assign([{ topic: "t", partition: 0, from: "earliest" }]);
  deepEqual(await take(world, consumer, 6), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
  equal(consumer.position("t", 0), 6);
  equal(consumer.highWatermark("t", 0), 6);
  world.after(2_000, () => void logs[0]?.append(batch(0, 6)));
  deepEqual(await take(world, consumer, 2), ["0.6", "0.7"]);
  ok(world.monotonicMs() >= 2_000);
});

test("begins at an offset inside a batch, at the end, or at a time", async () => {
  const { world, client, logs } = filled(3, 3);
  const consumer = client.consumer();
  consumer.assign([
    { topic: "t", partition: 0, from: 3 },
    { topic: "t", partition: 1, from: "latest" },
    { topic: "t", partition: 2, from: { timestampMs: 1_004 } },
  ]);
  deepEqual((await take(world, consumer, 5)).sort(), ["0.3", "0.4", "0.5", "2.4", "2.5"]);
  equal(consumer.position("t", 1), 6);
  logs[1]?.append(batch(1, 6));
  deepEqual(await take(world, consumer, 2), ["1.6", "1.7"]);
  consumer.seek("t", 2, { timestampMs: 9_999_999 });
  logs[2]?.append(batch(2, 6));
  await world.pass(1_000);
  equal(consumer.position("t", 2), 8, "no record is so young: behind the last");
});

test("an offset out of range is an error that says what there is", async () => {
  const { world, client, logs } = filled(3);
  (logs[0] as ScriptedLog).start = 2;
  const consumer = client.consumer();
  consumer.assign([{ topic: "t", partition: 0, from: 100 }]);
  await rejects(world.run(consumer.next()), (error: unknown) => {
    ok(error instanceof OffsetOutOfRangeError);
    deepEqual(error.range, { requested: 100, first: 2, end: 6 });
    return true;
  });
  consumer.seek("t", 0, 5);
  deepEqual(await take(world, consumer, 1), ["0.5"]);
});

test("or a jump, if so wanted", async () => {
  for (const [outOfRange, expected] of [
    ["earliest", "0.2"],
    ["latest", "0.6"],
  ] as const) {
    const { world, client, logs } = filled(3);
    (logs[0] as ScriptedLog).start = 2;
    const consumer = client.consumer({ outOfRange });
    consumer.assign([{ topic: "t", partition: 0, from: 0 }]);
    world.after(1_500, () => void logs[0]?.append(batch(0, 6)));
    equal((await take(world, consumer, 1))[0], expected);
  }
});

test("a paused partition hands out nothing, the others go on", async () => {
  const { world, client } = filled(2, 2);
  const consumer = client.consumer();
  consumer.assign([0, 1].map((partition) => ({ topic: "t", partition, from: "earliest" as const })));
  consumer.pause("t", 0);
  deepEqual(await take(world, consumer, 4), ["1.0", "1.1", "1.2", "1.3"]);
  await world.pass(2_000);
  consumer.resume("t", 0);
  deepEqual(await take(world, consumer, 4), ["0.0", "0.1", "0.2", "0.3"]);
});

test("a seek drops what was read ahead and what is on its way", async () => {
  const { world, client } = filled(5);
  const consumer = client.consumer();
  consumer.assign([{ topic: "t", partition: 0, from: "earliest" }]);
  await take(world, consumer, 2);
  consumer.seek("t", 0, 8);
  deepEqual(await take(world, consumer, 2), ["0.8", "0.9"]);
  consumer.seek("t", 0, 4);
  await world.pass(1.5);
  consumer.seek("t", 0, 0);
  deepEqual(await take(world, consumer, 2), ["0.0", "0.1"]);
});

test("reads ahead only so far", async () => {
  const { world, client, cluster } = filled(100);
  const consumer = client.consumer({ bufferBytesMax: 500, partitionBytesMax: 300 });
  consumer.assign([{ topic: "t", partition: 0, from: "earliest" }]);
  await world.pass(5_000);
  const asked = fetchesOf(cluster).length;
  ok(asked > 0 && asked <= 4, `${asked} fetches`);
  equal((await take(world, consumer, 200)).length, 200);
});

test("the leader moves, and the broker dies: reading goes on", async () => {
  const { world, client, cluster, logs } = filled(2, 1, [1, 2]);
  const troubles: string[] = [];
  const consumer = client.consumer({ onRetry: (error) => troubles.push(error.code) });
  consumer.assign([{ topic: "t", partition: 0, from: "earliest" }]);
  await take(world, consumer, 4);
  const log = logs[0] as ScriptedLog;
  log.leader = 2;
  log.leaderEpoch += 1;
  log.append(batch(0, 4));
  deepEqual(await take(world, consumer, 2), ["0.4", "0.5"]);
  log.leader = 1;
  log.leaderEpoch += 1;
  cluster.stop(2);
  log.append(batch(0, 6));
  deepEqual(await take(world, consumer, 2), ["0.6", "0.7"]);
  ok(troubles.includes("NOT_LEADER_OR_FOLLOWER") || troubles.includes("CONNECTION_CLOSED"), String(troubles));
});

test("a flipped bit is named by its offsets; what is behind it can be read", async () => {
  const { world, client, logs } = filled(3);
  const damaged = logs[0]?.batches[1] as Uint8Array;
  damaged[damaged.byteLength - 1] = (damaged.at(-1) as number) ^ 1;
  const consumer = client.consumer();
  consumer.assign([{ topic: "t", partition: 0, from: "earliest" }]);
  await take(world, consumer, 2);
  await rejects(
    world.run(consumer.next()),
    (error: ClientError) => error.code === "CORRUPT_MESSAGE" && error.kind === "corrupt" && error.message.includes("2–3"),
  );
  consumer.seek("t", 0, 4);
  deepEqual(await take(world, consumer, 2), ["0.4", "0.5"]);
});

test("a broker's own CORRUPT_MESSAGE is told at once, not asked again for ever", async () => {
  const { world, client, cluster } = filled(1);
  cluster.script = (request) => {
    if (request.api.key !== API.fetch.key) return "answer";
    const body = request.body as FetchRequest;
    const responses = body.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode: ErrorCode.CORRUPT_MESSAGE,
        highWatermark: -1,
        abortedTransactions: null,
        records: null,
      })),
    }));
    return { answer: { throttleTimeMs: 0, responses } as unknown as MessageInput<Message> };
  };
  const consumer = client.consumer();
  consumer.assign([{ topic: "t", partition: 0, from: 0 }]);
  await rejects(world.run(consumer.next()), (error: ClientError) => error.kind === "corrupt" && error.message.includes("offset 0"));
  await world.pass(5_000);
  equal(fetchesOf(cluster).length, 1);
});

test("control batches are passed over", async () => {
  const { world, client, logs } = filled(1);
  const { buildControlBatch } = await import("@tidemq/protocol/record-batch-builder.ts");
  logs[0]?.append(buildControlBatch({ type: "commit", coordinatorEpoch: 0 }, { producerId: 1, producerEpoch: 0, timestampMs: 5 }));
  logs[0]?.append(batch(0, 3));
  const consumer = client.consumer();
  consumer.assign([{ topic: "t", partition: 0, from: "earliest" }]);
  deepEqual(await take(world, consumer, 4), ["0.0", "0.1", "0.3", "0.4"]);
});

test("a topic or partition that is not there is an error", async () => {
  const { world, client, cluster } = filled(1);
  const consumer = client.consumer();
  consumer.assign([{ topic: "t", partition: 7, from: 0 }]);
  await rejects(
    world.run(consumer.next()),
    (error: ClientError) => error.code === "UNKNOWN_TOPIC_OR_PARTITION" && error.message.includes("7"),
  );
  consumer.assign([{ topic: "none", partition: 0, from: "earliest" }]);
  await rejects(world.run(consumer.next()), (error: ClientError) => error.code === "UNKNOWN_TOPIC_OR_PARTITION");
  consumer.assign([{ topic: "t", partition: 0, from: 0 }]);
  equal((await take(world, consumer, 2)).length, 2);
  cluster.deleteTopic("t");
  await rejects(
    world.run(consumer.next()),
    (error: ClientError) => error.code === "UNKNOWN_TOPIC_OR_PARTITION" || error.code === "UNKNOWN_TOPIC_ID",
  );
});

test("close ends whoever waits; wrong calls are refused", async () => {
  const { world, client } = filled(0);
  const consumer = client.consumer();
  consumer.assign([{ topic: "t", partition: 0, from: "earliest" }]);
  const waiting = consumer.next();
  await world.pass(100);
  consumer.close();
  equal(await waiting, undefined);
  equal(await consumer.next(), undefined);
  for (const call of [() => consumer.seek("t", 1, 0), () => consumer.seek("t", 0, -1), () => consumer.seek("t", 0, 1.5)]) {
    let code = "";
    try {
      call();
    } catch (error) {
      code = (error as ClientError).code;
    }
    equal(code, "INVALID_ARGUMENT");
  }
});

test("a closed consumer leaves no connection behind, whatever it was doing", async () => {
  const { world, client, cluster } = filled(1);
  await world.run(client.cluster.topics(["t"]));
  await world.pass(10);
  const before = cluster.openConnections;
  for (let lifeMs = 0; lifeMs < 20; lifeMs += 1) {
    const consumer = client.consumer();
    consumer.assign([{ topic: "t", partition: 0, from: "latest" }]);
    await world.pass(lifeMs);
    consumer.close();
  }
  await world.pass(2_000);
  equal(cluster.openConnections, before);
});

/** Broker 1 leads, broker 2 has everything and is nearer to whoever is in rack `b`. */
function racked(batches: number) {
  const made = filled(batches, 1, [1, 2]);
  const log = made.logs[0] as ScriptedLog;
  log.leader = 1;
  log.followers.set(2, Number.POSITIVE_INFINITY);
  log.nearest.set("b", 2);
  const troubles: string[] = [];
  const consumer = made.client.consumer({ rackId: "b", onRetry: (error) => troubles.push(error.code) });
  consumer.assign([{ topic: "t", partition: 0, from: 0 }]);
  /** Which brokers were asked since, each time in a row once. */
  let seen = 0;
  const asked = (): number[] => {
    const fetches = made.cluster.requests.filter(({ api }) => api.key === API.fetch.key).map(({ nodeId }) => nodeId);
    const fresh = fetches.slice(seen);
    seen = fetches.length;
    return fresh.filter((nodeId, at) => nodeId !== fresh[at - 1]);
  };
  return { ...made, log, consumer, asked, troubles };
}

test("a consumer with a rack reads from the follower that its leader names, and asks the leader again after a while", async () => {
  const { world, client, log, consumer, asked, troubles } = racked(2);
  deepEqual(await take(world, consumer, 4), ["0.0", "0.1", "0.2", "0.3"]);
  log.append(batch(0, 4));
  deepEqual(await take(world, consumer, 2), ["0.4", "0.5"]);
  deepEqual(asked(), [1, 2]);
  await world.pass(client.cluster.options.metadataAgeMsMax + 1_000);
  log.append(batch(0, 6));
  deepEqual(await take(world, consumer, 2), ["0.6", "0.7"]);
  deepEqual(asked(), [2, 1, 2]);
  deepEqual(troubles, []);
});

test("without a rack nobody is sent elsewhere", async () => {
  const { world, client, cluster } = racked(2);
  const other = client.consumer();
  other.assign([{ topic: "t", partition: 0, from: 0 }]);
  deepEqual(await take(world, other, 4), ["0.0", "0.1", "0.2", "0.3"]);
  ok(fetchesOf(cluster).some(({ rackId }) => rackId === ""));
});

test("what a follower lacks, and whether an offset is out of range, the leader says", async () => {
  const { world, client, log, consumer, asked, troubles } = racked(2);
  log.followers.set(2, 2);
  consumer.seek("t", 0, 4);
  log.append(batch(0, 4));
  world.after(300, () => log.nearest.clear());
  deepEqual(await take(world, consumer, 2), ["0.4", "0.5"]);
  deepEqual([...new Set(troubles)], ["OFFSET_OUT_OF_RANGE"]);
  deepEqual(asked().slice(0, 3), [1, 2, 1]);
  const far = client.consumer({ rackId: "b" });
  far.assign([{ topic: "t", partition: 0, from: 100 }]);
  await rejects(world.run(far.next()), (error: unknown) => error instanceof OffsetOutOfRangeError);
});

test("a follower that is away or refuses: the leader is asked, and sends back with ever longer pauses", async () => {
  const { world, cluster, log, consumer, asked, troubles } = racked(2);
  await take(world, consumer, 4);
  cluster.script = ({ api, nodeId }) => (api.key === API.fetch.key && nodeId === 2 ? "close" : "answer");
  log.append(batch(0, 4));
  world.after(2_000, () => log.nearest.clear());
  deepEqual(await take(world, consumer, 2), ["0.4", "0.5"]);
  ok(troubles.length > 0 && troubles.length < 40, `${troubles.length} troubles`);
  equal(asked().at(-1), 1);
  cluster.script = undefined;
  log.nearest.set("b", 2);
  log.followers.clear();
  log.append(batch(0, 6));
  world.after(2_000, () => log.nearest.clear());
  deepEqual(await take(world, consumer, 2), ["0.6", "0.7"]);
  ok(troubles.includes("NOT_LEADER_OR_FOLLOWER"));
});

test("a late answer of whoever led before says nothing: the partition has gone on elsewhere", async () => {
  const { world, client, cluster, logs } = filled(2, 1, [1, 2]);
  const log = logs[0] as ScriptedLog;
  const consumer = client.consumer();
  cluster.script = ({ api, nodeId }) => (api.key === API.fetch.key && nodeId === 1 ? 500 : "answer");
  consumer.assign([{ topic: "t", partition: 0, from: 0 }]);
  await world.pass(100);
  equal(fetchesOf(cluster).length, 1);
  log.leader = 2;
  log.leaderEpoch += 1;
  log.followers.set(1, Number.POSITIVE_INFINITY);
  await world.run(client.cluster.refresh());
  consumer.resume("t", 0);
  deepEqual(await take(world, consumer, 4), ["0.0", "0.1", "0.2", "0.3"]);
  ok(world.monotonicMs() < 500, "the answer of broker 1 is still to come");
  await world.pass(1_000);
  log.append(batch(0, 4));
  deepEqual(await take(world, consumer, 2), ["0.4", "0.5"]);
});
