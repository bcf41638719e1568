// What is asked of kafkajs. Arguments: bootstrap servers, beginning of topic names.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { compressionCodec } from "@tidemq/protocol/compression.ts";
import kafkajs from "kafkajs";
import { type Client, type Member, type Read, runChecks, until } from "./checks.ts";

const [bootstrap = "", prefix = ""] = process.argv.slice(2);
const TOPIC = 2;
const DECOMPRESSED_BYTES_MAX = 1 << 20;
const CODECS: Readonly<Record<string, number>> = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

// It brings gzip only, and takes others as functions.
for (const id of [2, 3, 4] as const) {
  const codec = compressionCodec(id);
  kafkajs.CompressionCodecs[id] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(Buffer.from(codec.compress(buffer))),
    decompress: (buffer: Buffer) => Promise.resolve(Buffer.from(codec.decompress(buffer, DECOMPRESSED_BYTES_MAX))),
  });
}

const kafka = new kafkajs.Kafka({
  brokers: [bootstrap],
  logLevel: kafkajs.logLevel.NOTHING,
  retry: { initialRetryTime: 100, retries: 8 },
});
const admin = kafka.admin();
await admin.connect();
const { version } = JSON.parse(readFileSync(createRequire(import.meta.url).resolve("kafkajs/package.json"), "utf8")) as { version: string };

type Reading = Readonly<{ consumer: kafkajs.Consumer; read: Read[]; assigned: { partitions: readonly number[] } }>;

async function reading(group: string, topic: string, settings: Partial<kafkajs.ConsumerConfig> = {}): Promise<Reading> {
  const consumer = kafka.consumer({ groupId: group, heartbeatInterval: 300, maxWaitTimeInMs: 200, ...settings });
  const read: Read[] = [];
  const assigned = { partitions: [] as readonly number[] };
  consumer.on("consumer.group_join", ({ payload }) => {
    assigned.partitions = payload.memberAssignment[topic] ?? [];
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: ({ message }) => {
      read.push({
        key: String(message.key),
        value: String(message.value),
        at: String(message.headers?.["at"]),
        offset: Number(message.offset),
        timestamp: Number(message.timestamp),
      });
      return Promise.resolve();
    },
  });
  return { consumer, read, assigned };
}

async function withProducer(settings: kafkajs.ProducerConfig, use: (producer: kafkajs.Producer) => Promise<void>): Promise<void> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner, ...settings });
  await producer.connect();
  await use(producer).finally(() => producer.disconnect());
}

async function createTopic(topic: string, numPartitions: number): Promise<void> {
  // It wraps what the broker said of each topic, and is false for a topic that is there.
  if (!(await admin.createTopics({ topics: [{ topic, numPartitions }] }))) throw new Error("TOPIC_ALREADY_EXISTS");
}

const client: Client = {
  nameAndVersion: `kafkajs ${version}`,
  compressions: Object.keys(CODECS),
  prepare: createTopic,
  createTopic,
  send: (topic, records, { compression, idempotent = false }) =>
    withProducer({ idempotent }, async (producer) => {
      const messages = records.map(({ key, value, at, timestamp }) => ({
        key,
        value,
        partition: 0,
        headers: { at },
        ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
      }));
      await producer.send({ topic, messages, ...(compression === undefined ? {} : { compression: CODECS[compression] as number }) });
    }),
  async read(topic, _from, count, onlyCommitted = false) {
    const { consumer, read } = await reading(`${topic}-read`, topic, { readUncommitted: !onlyCommitted });
    await until(`${count} records`, () => read.length >= count).finally(() => consumer.disconnect());
    return read;
  },
  async seek(topic, offset, count) {
    const { consumer, read } = await reading(`${topic}-seek`, topic);
    await until("the end", () => read.length >= offset + count);
    read.length = 0;
    consumer.seek({ topic, partition: 0, offset: String(offset) });
    await until(`${count} records`, () => read.length >= count);
    await consumer.disconnect();
    return read.map((one) => one.offset);
  },
  async join(group, topic): Promise<Member> {
    const { consumer, read, assigned } = await reading(group, topic);
    return {
      partitions: () => assigned.partitions,
      get values() {
        return read.map((one) => one.value);
      },
      leave: () => consumer.disconnect(),
    };
  },
  async readInGroup(group, topic, count, commitAt) {
    const { consumer, read } = await reading(group, topic);
    await until(`${count} records`, () => read.length >= count);
    if (commitAt !== undefined) await consumer.commitOffsets([{ topic, partition: 0, offset: String(commitAt) }]);
    await consumer.disconnect();
    return read.map((one) => one.value);
  },
  async committed(group, topic) {
    const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    return Number(found?.partitions[0]?.offset);
  },
  async listOffsets(topic) {
    const [found] = await admin.fetchTopicOffsets(topic);
    return [Number(found?.low), Number(found?.high)];
  },
  async offsetAt(topic, timestamp) {
    return Number((await admin.fetchTopicOffsetsByTimestamp(topic, timestamp))[0]?.offset);
  },
  async partitionsOf(topic) {
    if (!(await admin.listTopics()).includes(topic)) return 0;
    return (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions.length ?? 0;
  },
  async setConfig(topic, name, value) {
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC, name: topic, configEntries: [{ name, value }] }] });
  },
  async configOf(topic, name) {
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: TOPIC, name: topic }] });
    return resources[0]?.configEntries.find((one) => one.configName === name)?.configValue;
  },
  deleteTopic: (topic) => admin.deleteTopics({ topics: [topic] }),
  transact: (topic, all) =>
    withProducer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 }, async (producer) => {
      for (const [value, commits] of all) {
        const transaction = await producer.transaction();
        await transaction.send({ topic, messages: [{ value, partition: 0 }] });
        await (commits ? transaction.commit() : transaction.abort());
      }
    }),
};

await runChecks(client, prefix);
