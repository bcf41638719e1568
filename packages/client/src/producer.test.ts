import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { ProduceRequest } from "@tidemq/protocol/messages/00-produce.ts";
import { decodeRecords } from "@tidemq/protocol/record.ts";
import * as header from "@tidemq/protocol/record-batch.ts";
import type { Message, MessageInput } from "@tidemq/protocol/schema.ts";
import { API } from "./apis.ts";
import type { ClientError } from "./errors.ts";
import type { BatchReport, Delivery } from "./producer-batch.ts";
import { scene } from "./testing/scripted-client.ts";
import type { ScriptedCluster, ScriptedRequest } from "./testing/scripted-cluster.ts";
import type { ScriptedLog } from "./testing/scripted-log.ts";

const QUICK = { requestTimeoutMs: 500, connectTimeoutMs: 200, backOff: { firstMs: 10, longestMs: 100 } } as const;

function valuesOf(log: ScriptedLog | undefined): string[] {
  return (log?.batches ?? []).flatMap((batch) => decodeRecords(batch, 0, 1e9).map((record) => Buffer.from(record.value ?? []).toString()));
}

function producesOf(cluster: ScriptedCluster): ProduceRequest[] {
  return cluster.requests.filter(({ api }) => api.key === API.produce.key).map(({ body }) => body as ProduceRequest);
}

function refusal(request: ScriptedRequest, errorCode: number): { answer: MessageInput<Message> } {
  const body = request.body as ProduceRequest;
  const responses = body.topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1 })),
  }));
  return { answer: { responses, throttleTimeMs: 0 } };
}

/** Does this to the produce requests of these numbers, counted from 1. */
function onProduce(
  cluster: ScriptedCluster,
  fates: Readonly<Record<number, (request: ScriptedRequest) => ReturnType<NonNullable<ScriptedCluster["script"]>>>>,
): void {
  let count = 0;
  cluster.script = (request) => {
    if (request.api.key !== API.produce.key) return "answer";
    count += 1;
    return fates[count]?.(request) ?? "answer";
  };
}

test("records of one turn become one batch, with offsets in order", async () => {
  const { world, cluster, client } = scene();
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0 });
  const deliveries = await world.run(Promise.all(["a", "b", "c"].map((value) => producer.send({ topic: "t", value }))));
  deepEqual(
    deliveries.map(({ offset }) => offset),
    [0, 1, 2],
  );
  equal(producesOf(cluster).length, 1);
  deepEqual(valuesOf(cluster.log("t", 0)), ["a", "b", "c"]);
});

test("a batch lingers for more, and goes when it is full", async () => {
  const { world, cluster, client } = scene();
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 50, batchBytesMax: 1_000 });
  await world.run(producer.send({ topic: "t", value: "first" }));
  const beganMs = world.monotonicMs();
  const sends = [producer.send({ topic: "t", value: "a" })];
  await world.pass(20);
  sends.push(producer.send({ topic: "t", value: "b" }));
  await world.run(Promise.all(sends));
  ok(world.monotonicMs() - beganMs >= 50);
  equal(producesOf(cluster).length, 2, "a and b together");
  const full = producer.send({ topic: "t", value: "x".repeat(1_000) });
  await world.pass(10);
  equal(producesOf(cluster).length, 3, "full: not 50 ms later");
  await world.run(full);
});

test("flush sends at once and waits for everything before it", async () => {
  const { world, cluster, client } = scene();
  cluster.createTopic("t", 3);
  const reports: BatchReport[] = [];
  const producer = client.producer({ lingerMs: 60_000, onBatch: (report) => reports.push(report) });
  for (let i = 0; i < 30; i += 1) void producer.enqueue({ topic: "t", partition: i % 3, value: `${i}` });
  await world.run(producer.flush());
  ok(world.monotonicMs() < 1_000);
  deepEqual(
    reports.map(({ partition, recordCount, baseOffset }) => [partition, recordCount, baseOffset]).sort(([a = 0], [b = 0]) => a - b),
    [
      [0, 10, 0],
      [1, 10, 0],
      [2, 10, 0],
    ],
  );
});

test("keys choose the partition as in Kafka, nulls and headers arrive", async () => {
  const { world, cluster, client } = scene();
  cluster.createTopic("t", 4);
  const producer = client.producer({ lingerMs: 0 });
  const byKey = await world.run(
    producer.send({
      topic: "t",
      key: "foobar",
      value: null,
      headers: [
        { key: "h", value: null },
        { key: "h", value: Buffer.from("x") },
      ],
      timestampMs: 42,
    }),
  );
  equal(byKey.partition, (-790332482 & 0x7fff_ffff) % 4);
  const record = decodeRecords(cluster.log("t", byKey.partition)?.batches[0] as Uint8Array, 0, 1e9)[0];
  equal(record?.value, null);
  equal(record?.timestampMs, 42);
  deepEqual(
    record?.headers.map(({ key, value }) => [key, value === null ? null : Buffer.from(value).toString()]),
    [
      ["h", null],
      ["h", "x"],
    ],
  );
});

test("all compressions arrive as such", async () => {
  const { world, cluster, client } = scene();
  cluster.createTopic("t", 1);
  for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
    const producer = client.producer({ compression, lingerMs: 0 });
    await world.run(producer.send({ topic: "t", value: compression.repeat(100) }));
  }
  deepEqual(
    cluster.log("t", 0)?.batches.map((batch) => header.codecId(batch, 0)),
    [0, 1, 2, 3, 4],
  );
  deepEqual(
    valuesOf(cluster.log("t", 0)),
    ["none", "gzip", "snappy", "lz4", "zstd"].map((name) => name.repeat(100)),
  );
});

test("a lost answer does not store a record twice", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  onProduce(cluster, { 1: () => "close-after" });
  const producer = client.producer({ lingerMs: 0 });
  const delivery = await world.run(producer.send({ topic: "t", value: "once" }));
  equal(delivery.offset, 0);
  equal(producesOf(cluster).length, 2);
  deepEqual(valuesOf(cluster.log("t", 0)), ["once"]);
});

test("five batches are under way at once, and keep their order when the first fails", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0 });
  await world.run(producer.send({ topic: "t", value: "0" }));
  onProduce(cluster, { 1: (request) => refusal(request, ErrorCode.NOT_ENOUGH_REPLICAS) });
  const sends: Promise<Delivery>[] = [];
  for (let i = 1; i <= 8; i += 1) {
    sends.push(producer.send({ topic: "t", value: `${i}` }));
    await world.pass(0.1);
  }
  const deliveries = await world.run(Promise.all(sends));
  deepEqual(valuesOf(cluster.log("t", 0)), ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
  deepEqual(
    deliveries.map(({ offset }) => offset),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
  const epochs = producesOf(cluster).map((body) => header.producerEpoch(body.topicData[0]?.partitionData[0]?.records as Uint8Array, 0));
  deepEqual([...new Set(epochs)], [0], "no new epoch was needed");
});

test("a broker that forgot the sequence is written to under a new epoch", async () => {
  const { world, cluster, client } = scene(QUICK);
  const [log] = cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0 });
  for (const value of ["a", "b", "c"]) await world.run(producer.send({ topic: "t", value }));
  log?.loseNewest(1);
  const delivery = await world.run(producer.send({ topic: "t", value: "d" }));
  equal(delivery.offset, 2);
  deepEqual(valuesOf(log), ["a", "b", "d"]);
  const last = log?.batches.at(-1) as Uint8Array;
  deepEqual([header.producerEpoch(last, 0), header.baseSequence(last, 0)], [1, 0]);
  await world.run(producer.send({ topic: "t", value: "e" }));
  deepEqual(valuesOf(log), ["a", "b", "d", "e"]);
});

test("an unknown producer id, and an old epoch, are overcome", async () => {
  for (const errorCode of [ErrorCode.UNKNOWN_PRODUCER_ID, ErrorCode.INVALID_PRODUCER_EPOCH]) {
    const { world, cluster, client } = scene(QUICK);
    const [log] = cluster.createTopic("t", 1);
    const producer = client.producer({ lingerMs: 0 });
    await world.run(producer.send({ topic: "t", value: "a" }));
    const before = header.producerId(log?.batches[0] as Uint8Array, 0);
    onProduce(cluster, { 1: (request) => refusal(request, errorCode) });
    equal((await world.run(producer.send({ topic: "t", value: "b" }))).offset, 1);
    const after = header.producerId(log?.batches[1] as Uint8Array, 0);
    equal(after !== before, errorCode === ErrorCode.INVALID_PRODUCER_EPOCH);
  }
});

test("a refused batch fails with the broker's reason; those behind it are stored", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0 });
  await world.run(producer.send({ topic: "t", value: "a" }));
  onProduce(cluster, { 1: (request) => refusal(request, ErrorCode.INVALID_TIMESTAMP) });
  const b = producer.send({ topic: "t", value: "b" });
  await world.pass(0.1);
  const c = producer.send({ topic: "t", value: "c" });
  await Promise.all([
    rejects(
      world.run(b),
      (error: ClientError) => error.code === "INVALID_TIMESTAMP" && error.kind === "invalid" && error.place.topic === "t",
    ),
    world.run(c).then((delivery) => equal(delivery.offset, 1)),
  ]);
  deepEqual(valuesOf(cluster.log("t", 0)), ["a", "c"]);
});

test("a batch that is too large for the topic is halved until it fits", async () => {
  const { world, cluster, client } = scene(QUICK);
  const [log] = cluster.createTopic("t", 1);
  (log as ScriptedLog).bytesMax = 1_000;
  const producer = client.producer({ lingerMs: 5 });
  const values = Array.from({ length: 30 }, (_, i) => `${i}-`.padEnd(100, "x"));
  const deliveries = await world.run(Promise.all(values.map((value) => producer.send({ topic: "t", value }))));
  deepEqual(
    deliveries.map(({ offset }) => offset),
    values.map((_, i) => i),
  );
  deepEqual(valuesOf(log), values);
  await rejects(
    world.run(producer.send({ topic: "t", value: "x".repeat(2_000) })),
    (error: ClientError) => error.code === "MESSAGE_TOO_LARGE",
  );
  equal((await world.run(producer.send({ topic: "t", value: "after" }))).offset, 30);
});

test("what is not acknowledged in time fails, and says whether it may be stored", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0, deliveryTimeoutMs: 2_000 });
  await world.run(producer.send({ topic: "t", value: "a" }));
  cluster.script = ({ api }) => (api.key === API.produce.key ? "close-after" : "answer");
  await rejects(
    world.run(producer.send({ topic: "t", value: "b" })),
    (error: ClientError) => error.code === "DELIVERY_TIMED_OUT" && error.message.includes("may or may not"),
  );
  cluster.script = undefined;
  equal((await world.run(producer.send({ topic: "t", value: "c" }))).offset, 2);
  deepEqual(valuesOf(cluster.log("t", 0)), ["a", "b", "c"]);
  cluster.stop(1);
  await world.pass(10);
  await rejects(
    world.run(producer.send({ topic: "t", value: "d" })),
    (error: ClientError) => error.code === "DELIVERY_TIMED_OUT" && error.message.includes("never sent"),
  );
  ok(world.monotonicMs() < 10_000);
});

test("a doubtful batch that was not stored leaves a gap that later batches get over", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0, deliveryTimeoutMs: 2_000 });
  await world.run(producer.send({ topic: "t", value: "a" }));
  cluster.script = ({ api }) => (api.key === API.produce.key ? "close" : "answer");
  await rejects(world.run(producer.send({ topic: "t", value: "b" })), (error: ClientError) => error.code === "DELIVERY_TIMED_OUT");
  cluster.script = undefined;
  for (const value of ["c", "d"]) await world.run(producer.send({ topic: "t", value }));
  deepEqual(valuesOf(cluster.log("t", 0)), ["a", "c", "d"]);
});

test("a leader that does not commit in time may have been replaced without knowing it: somebody else is asked who leads", async () => {
  const { world, cluster, client } = scene(QUICK, [1, 2]);
  const [log] = cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0 });
  await world.run(producer.send({ topic: "t", value: "a" }));
  (log as ScriptedLog).leader = 2;
  (log as ScriptedLog).leaderEpoch = 1;
  cluster.script = (request) =>
    request.api.key === API.produce.key && request.nodeId === 1 ? refusal(request, ErrorCode.REQUEST_TIMED_OUT) : "answer";
  equal((await world.run(producer.send({ topic: "t", value: "b" }))).offset, 1);
});

test("the leader moves: the batch goes to the new one", async () => {
  const { world, cluster, client } = scene(QUICK, [1, 2]);
  const [log] = cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0 });
  await world.run(producer.send({ topic: "t", value: "a" }));
  (log as ScriptedLog).leader = 2;
  (log as ScriptedLog).leaderEpoch = 1;
  equal((await world.run(producer.send({ topic: "t", value: "b" }))).offset, 1);
  cluster.stop(1);
  equal((await world.run(producer.send({ topic: "t", value: "c" }))).offset, 2);
});

test("acks 0 is not answered, acks 1 keeps the order without sequence numbers", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const none = client.producer({ acks: 0, lingerMs: 0 });
  deepEqual((await world.run(none.send({ topic: "t", value: "a" }))).offset, -1);
  await world.pass(10);
  const one = client.producer({ acks: 1, lingerMs: 0 });
  onProduce(cluster, { 2: (request) => refusal(request, ErrorCode.NOT_ENOUGH_REPLICAS) });
  const sends: Promise<Delivery>[] = [];
  for (const value of ["b", "c", "d", "e"]) {
    sends.push(one.send({ topic: "t", value }));
    await world.pass(0.1);
  }
  await world.run(Promise.all(sends));
  deepEqual(valuesOf(cluster.log("t", 0)), ["a", "b", "c", "d", "e"]);
  equal(header.producerId(cluster.log("t", 0)?.batches.at(-1) as Uint8Array, 0), -1);
});

test("a full buffer asks to wait, and refuses in the end", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ bufferBytesMax: 10_000, batchBytesMax: 5_000 });
  await world.run(producer.send({ topic: "t", value: "first" }));
  cluster.script = ({ api }) => (api.key === API.produce.key ? 100 : "answer");
  let wait: Promise<void> | undefined;
  let accepted = 0;
  for (; wait === undefined; accepted += 1) wait = producer.enqueue({ topic: "t", value: "x".repeat(1_000) });
  equal(accepted, 10);
  await world.run(wait);
  ok(producer.bufferedBytes < 10_000);
  let refused: unknown;
  try {
    for (let i = 0; i < 100; i += 1) void producer.enqueue({ topic: "t", value: "x".repeat(1_000) });
  } catch (error) {
    refused = error;
  }
  equal((refused as ClientError).code, "BUFFER_FULL");
  await world.run(producer.close());
  equal(producer.bufferedBytes, 0);
});

test("unknown topics and partitions are told, also of records that came before", async () => {
  const { world, cluster, client } = scene({ ...QUICK, unknownTopicMs: 100 });
  cluster.createTopic("t", 2);
  const producer = client.producer({ lingerMs: 0 });
  const isUnknown = (error: ClientError): boolean => error.code === "UNKNOWN_TOPIC_OR_PARTITION";
  await Promise.all([
    rejects(world.run(producer.send({ topic: "none", value: "a" })), isUnknown),
    rejects(world.run(producer.send({ topic: "t", partition: 2, value: "a" })), isUnknown),
  ]);
  await rejects(producer.send({ topic: "t", partition: -1, value: "a" }), isUnknown);
});

test("close delivers what is there, then refuses; abort fails it", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 60_000 });
  const sent = producer.send({ topic: "t", value: "a" });
  await world.run(producer.close());
  equal((await sent).offset, 0);
  await rejects(producer.send({ topic: "t", value: "b" }), (error: ClientError) => error.code === "CLOSED");
  const other = client.producer({ lingerMs: 60_000 });
  const lost = other.send({ topic: "t", value: "c" });
  await world.pass(100);
  other.abort();
  await rejects(lost, (error: ClientError) => error.code === "CLOSED");
  client.abort();
});

test("a broker may ask for a pause", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0 });
  await world.run(producer.send({ topic: "t", value: "a" }));
  onProduce(cluster, {
    1: (request) => {
      const answer = cluster.serve(request) as Record<string, unknown>;
      return { answer: { ...answer, throttleTimeMs: 300 } };
    },
  });
  await world.run(producer.send({ topic: "t", value: "b" }));
  const beganMs = world.monotonicMs();
  await world.run(producer.send({ topic: "t", value: "c" }));
  ok(world.monotonicMs() - beganMs >= 250);
});

test("whoever closes again waits for the first close: client.close loses nothing that producer.close delivers", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 60_000 });
  const sent = producer.send({ topic: "t", value: "a" });
  void producer.close();
  await world.run(client.close());
  equal((await world.run(sent)).offset, 0);
});

test("abort fails records whose topic is still being looked for; flush and close end after it", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 60_000 });
  const held = producer.send({ topic: "t", value: "held" });
  producer.abort();
  await rejects(world.run(held), (error: ClientError) => error.code === "CLOSED");
  equal(producer.bufferedBytes, 0);
  const other = client.producer({ lingerMs: 60_000 });
  const lost = other.send({ topic: "t", value: "lost" });
  await world.pass(100);
  other.abort();
  await rejects(lost, (error: ClientError) => error.code === "CLOSED");
  await world.run(Promise.all([other.flush(), other.close()]));
});

test("close waits for a batch in doubt, though the one behind it is stored", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0 });
  await world.run(producer.send({ topic: "t", value: "first" }));
  onProduce(cluster, {
    1: (request) => {
      cluster.serve(request);
      return refusal(request, ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    },
  });
  const inDoubt = producer.send({ topic: "t", value: "in doubt" });
  await world.pass(0);
  await world.pass(0);
  const stored = producer.send({ topic: "t", value: "stored" });
  await world.run(producer.close());
  deepEqual(
    (await Promise.all([inDoubt, stored])).map(({ offset }) => offset),
    [1, 2],
  );
  deepEqual(valuesOf(cluster.log("t", 0)), ["first", "in doubt", "stored"]);
});

test("the numbers of a batch that may be stored are not given to another, which would pass for it", async () => {
  const { world, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ lingerMs: 0 });
  await world.run(producer.send({ topic: "t", value: "a" }));
  for (const answer of ["an unknown fault", "an answer without the partition"]) {
    onProduce(cluster, {
      1: (request) => {
        cluster.serve(request);
        return answer === "an unknown fault"
          ? refusal(request, ErrorCode.UNKNOWN_SERVER_ERROR)
          : { answer: { responses: [], throttleTimeMs: 0 } };
      },
    });
    await rejects(world.run(producer.send({ topic: "t", value: answer })), (error: ClientError) => error.kind === "internal");
    await world.run(producer.send({ topic: "t", value: "next" }));
  }
  deepEqual(valuesOf(cluster.log("t", 0)), ["a", "an unknown fault", "next", "an answer without the partition", "next"]);
});

test("acks 0: a broker that takes nothing does not fill the memory", async () => {
  const { world, cluster, client, transport } = scene(QUICK);
  cluster.createTopic("t", 1);
  const options = { acks: 0, lingerMs: 0, bufferBytesMax: 100_000, batchBytesMax: 10_000, requestBytesMax: 20_000 } as const;
  const producer = client.producer(options);
  await world.run(producer.send({ topic: "t", value: "first" }));
  transport.stall();
  let accepted = 0;
  for (; accepted < 1_000; accepted += 1) {
    const room = producer.enqueue({ topic: "t", value: "x".repeat(1_000) });
    let hasRoom = room === undefined;
    void room?.then(() => {
      hasRoom = true;
    });
    if (room !== undefined) await world.pass(1_000);
    if (!hasRoom) break;
  }
  ok(accepted < 200, `${accepted} records of 1 kB`);
  transport.goOn();
  await world.run(producer.flush());
  await world.pass(10);
  equal(valuesOf(cluster.log("t", 0)).length, accepted + 2);
});

test("acks 0: flush waits until everything is with the kernel, for it is lost with the connection else", async () => {
  const { world, cluster, client, transport } = scene(QUICK);
  cluster.createTopic("t", 1);
  const producer = client.producer({ acks: 0, lingerMs: 0, deliveryTimeoutMs: 5_000 });
  await world.run(producer.send({ topic: "t", value: "first" }));
  transport.stall();
  await world.run(producer.send({ topic: "t", value: "last" }));
  world.after(1_000, () => transport.goOn());
  await world.run(producer.close());
  ok(world.monotonicMs() >= 1_000);
  await world.pass(10);
  deepEqual(valuesOf(cluster.log("t", 0)), ["first", "last"]);
  transport.stall();
  const stuck = client.producer({ acks: 0, lingerMs: 0, deliveryTimeoutMs: 5_000 });
  await world.run(stuck.send({ topic: "t", value: "stuck" }));
  const beganMs = world.monotonicMs();
  await world.run(stuck.flush());
  ok(world.monotonicMs() - beganMs <= 5_000, "not for ever");
});

test("small records count for what they take in memory, before their topic is known and after", async () => {
  const { world, cluster, client } = scene(QUICK);
  const options = { bufferBytesMax: 100_000, lingerMs: 60_000 };
  const enqueuing = client.producer(options);
  let held = 0;
  for (; held < 10_000; held += 1) if (enqueuing.enqueue({ topic: "t", value: null }) !== undefined) break;
  ok(held < 2_000, `${held} records held`);
  cluster.createTopic("t", 1);
  await world.run(enqueuing.close());
  equal(enqueuing.bufferedBytes, 0);
  const sending = client.producer(options);
  let codes: string[] = [];
  for (let sent = 0; sent < 10_000; sent += 1)
    sending.send({ topic: "t", value: null }).catch((error: ClientError) => {
      codes = [...codes, error.code];
    });
  await world.run(sending.close());
  equal(sending.bufferedBytes, 0);
  ok(codes.length > 5_000 && codes.every((code) => code === "BUFFER_FULL"), `${codes.length} refused`);
});
