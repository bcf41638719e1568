// Goal: the producer and the admin client of kafkajs work as with Kafka. Its consumer is in groups.test.ts.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { COMPRESSIONS, compressionCodec } from "@tidemq/protocol/compression.ts";
import kafkajs, { type Admin, type ProducerConfig } from "kafkajs";
import { LATEST, newTopic, offsetAt, storedBatches, storedRecords, whenLed } from "./calls.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

const TOPIC = 2;
const DECOMPRESSED_BYTES_MAX = 1 << 20;

// kafkajs brings gzip only; the others are to be plugged in.
for (const id of [2, 3, 4] as const) {
  const codec = compressionCodec(id);
  kafkajs.CompressionCodecs[id] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(Buffer.from(codec.compress(buffer))),
    decompress: (buffer: Buffer) => Promise.resolve(Buffer.from(codec.decompress(buffer, DECOMPRESSED_BYTES_MAX))),
  });
}

describe("kafkajs", () => {
  let target: Target;
  let wire: Wire;
  let client: kafkajs.Kafka;
  let admin: Admin;

  before(async () => {
    target = await startTarget();
    wire = await Wire.connect(target);
    client = new kafkajs.Kafka({
      brokers: [target.bootstrap],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 5 },
    });
    admin = client.admin();
    await admin.connect();
  });
  after(async () => {
    await admin?.disconnect();
    wire?.close();
    await target?.stop();
  });

  const producing = async <T>(options: ProducerConfig, run: (producer: kafkajs.Producer) => Promise<T>): Promise<T> => {
    const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner, ...options });
    await producer.connect();
    return run(producer).finally(() => producer.disconnect());
  };

  for (const [id, compression] of COMPRESSIONS.entries()) {
    for (const idempotent of [false, true]) {
      test(`${compression}${idempotent ? ", idempotent" : ""}: offsets are reported, everything is there`, async () => {
        const topic = await newTopic(wire, `kafkajs-${compression}`);
        const messages = Array.from({ length: 100 }, (_, n) => ({
          key: `k${n}`,
          value: `value ${n}`,
          headers: { n: String(n), b: Buffer.from([1]) },
        }));
        const sent = await producing({ idempotent }, async (producer) => {
          const send = () => producer.send({ topic: topic.name, messages, compression: id });
          return [...(await send()), ...(await send())];
        });
        deepEqual(
          sent.map((one) => [one.errorCode, one.partition, one.baseOffset]),
          [
            [0, 0, "0"],
            [0, 0, "100"],
          ],
        );
        const batches = await storedBatches(wire, topic);
        deepEqual(new Set(batches.map((one) => one.compression)), new Set([compression]));
        ok(batches.every((one) => one.producerId >= 0 === idempotent));
        const records = await storedRecords(wire, topic);
        deepEqual(
          records.map((record) => `${text(record.key)} ${text(record.value)} ${text(record.headers[0]?.value)}`),
          [...messages, ...messages].map(({ key, value, headers }) => `${key} ${value} ${headers.n}`),
        );
      });
    }
  }

  test("null values and keys, empty ones, and times", async () => {
    const topic = await newTopic(wire, "nulls");
    const timestamp = String(Date.now() - 1000);
    const messages = [
      { key: null, value: null },
      { key: "", value: "" },
      { value: "x", timestamp },
    ];
    await producing({}, (producer) => producer.send({ topic: topic.name, messages }));
    const records = await storedRecords(wire, topic);
    deepEqual(
      records.map((record) => [record.key === null ? null : text(record.key), record.value === null ? null : text(record.value)]),
      [
        [null, null],
        ["", ""],
        [null, "x"],
      ],
    );
    equal(String(records[2]?.timestampMs), timestamp);
  });

  test("acks 0 and 1", async () => {
    const topic = await newTopic(wire, "acks");
    await producing({}, async (producer) => {
      await producer.send({ topic: topic.name, acks: 0, messages: [{ value: "a" }] });
      while ((await offsetAt(wire, topic.name, 0, LATEST)).offset < 1);
      equal((await producer.send({ topic: topic.name, acks: 1, messages: [{ value: "b" }] }))[0]?.baseOffset, "1");
    });
  });

  test("a message too large is MESSAGE_TOO_LARGE", async () => {
    const topic = await newTopic(wire, "large", { configs: { "max.message.bytes": "5000" } });
    const send = producing({}, (producer) => producer.send({ topic: topic.name, messages: [{ value: Buffer.alloc(6000) }] }));
    await rejects(send, { type: "MESSAGE_TOO_LARGE" });
    equal((await offsetAt(wire, topic.name, 0, LATEST)).offset, 0);
  });

  test("many topics and partitions at once, by key", async () => {
    const topics = await Promise.all([newTopic(wire, "many", { partitions: 4 }), newTopic(wire, "many", { partitions: 2 })]);
    const messages = Array.from({ length: 200 }, (_, n) => ({ key: `key ${n}`, value: String(n) }));
    await producing({}, (producer) => producer.sendBatch({ topicMessages: topics.map(({ name }) => ({ topic: name, messages })) }));
    for (const [at, partitions] of [4, 2].entries()) {
      const topic = topics[at] as (typeof topics)[number];
      const stored = await Promise.all(Array.from({ length: partitions }, (_, partition) => storedRecords(wire, topic, partition)));
      ok(stored.every((records) => records.length > 0));
      deepEqual(
        stored
          .flat()
          .map((record) => Number(text(record.value)))
          .sort((a, b) => a - b),
        messages.map((_, n) => n),
      );
    }
  });

  test("writes to a topic that is not there yet", async () => {
    const name = freshName("auto");
    await producing({ allowAutoTopicCreation: true }, (producer) => producer.send({ topic: name, messages: [{ value: "x" }] }));
    equal((await offsetAt(wire, name, 0, LATEST)).offset, 1);
  });

  test("admin: topics", async () => {
    const name = freshName("admin");
    const topics = [{ topic: name, numPartitions: 2, configEntries: [{ name: "retention.ms", value: "4000000" }] }];
    equal(await admin.createTopics({ topics, validateOnly: true, waitForLeaders: false }), true);
    equal(await admin.createTopics({ topics }), true);
    equal(await admin.createTopics({ topics }), false, "it is there already");
    ok((await admin.listTopics()).includes(name));
    await rejects(admin.createTopics({ topics: [{ topic: "a/b" }] }), (error: kafkajs.KafkaJSAggregateError) =>
      types(error).includes("INVALID_TOPIC_EXCEPTION"),
    );
    const factor = { topics: [{ topic: freshName("factor"), replicationFactor: 3 }] };
    await rejects(admin.createTopics(factor), (error: kafkajs.KafkaJSAggregateError) =>
      types(error).includes("INVALID_REPLICATION_FACTOR"),
    );
    await whenLed(wire, name, 2);
    await admin.createPartitions({ topicPartitions: [{ topic: name, count: 3 }] });
    await whenLed(wire, name, 3);
    const { topics: found } = await admin.fetchTopicMetadata({ topics: [name] });
    deepEqual(found[0]?.partitions.map((one) => [one.partitionId, one.leader, one.isr]).sort(), [
      [0, 1, [1]],
      [1, 1, [1]],
      [2, 1, [1]],
    ]);
    await admin.deleteTopics({ topics: [name] });
    await rejects(admin.deleteTopics({ topics: [name] }), (error: kafkajs.KafkaJSNonRetriableError) => {
      equal((error.cause as kafkajs.KafkaJSProtocolError).type, "UNKNOWN_TOPIC_OR_PARTITION");
      return true;
    });
  });

  test("admin: options, cluster and offsets", async () => {
    const topic = await newTopic(wire, "options", { configs: { "retention.ms": "4000000" } });
    const { resources } = await admin.describeConfigs({ includeSynonyms: true, resources: [{ type: TOPIC, name: topic.name }] });
    const retention = resources[0]?.configEntries.find((one) => one.configName === "retention.ms");
    deepEqual([retention?.configValue, retention?.isDefault], ["4000000", false]);
    const cluster = await admin.describeCluster();
    deepEqual([cluster.brokers, cluster.controller], [[{ nodeId: 1, host: target.host, port: target.port }], 1]);
    const middle = Date.now();
    const messages = [middle - 2000, middle - 1000].map((time) => ({ value: "x", timestamp: String(time) }));
    await producing({}, (producer) => producer.send({ topic: topic.name, messages }));
    deepEqual(await admin.fetchTopicOffsets(topic.name), [{ partition: 0, offset: "2", high: "2", low: "0" }]);
    deepEqual(await admin.fetchTopicOffsetsByTimestamp(topic.name, middle - 1500), [{ partition: 0, offset: "1" }]);
  });
});

function text(bytes: Uint8Array | null | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}

function types(error: kafkajs.KafkaJSAggregateError): string[] {
  return error.errors.map((one) => (one as kafkajs.KafkaJSProtocolError).type);
}
