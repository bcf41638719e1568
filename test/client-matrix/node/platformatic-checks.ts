// What is asked of @platformatic/kafka. Arguments: bootstrap servers, beginning of topic names.
import { readFileSync } from "node:fs";
import { dirname, join as joinPath } from "node:path";
import { fileURLToPath } from "node:url";
import {
  Admin,
  Consumer,
  type Message,
  type MessagesStream,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  Producer,
  type ProducerOptions,
  stringDeserializers,
  stringSerializers,
} from "@platformatic/kafka";
import type { Compression } from "@tidemq/protocol/compression.ts";
import { type Client, type Member, type Read, runChecks, until } from "./checks.ts";

type TextConsumer = Consumer<string, string, string, string>;
type TextProducer = Producer<string, string, string, string>;
type Reading = Readonly<{ consumer: TextConsumer; stream: MessagesStream<string, string, string, string>; read: Read[] }>;

const [bootstrap = "", prefix = ""] = process.argv.slice(2);
const TOPIC = 2;
const READ_COMMITTED = 1;
const COMMON = { clientId: "checks", bootstrapBrokers: [bootstrap], retries: 5, retryDelay: 100 };
const { version } = JSON.parse(
  readFileSync(joinPath(dirname(fileURLToPath(import.meta.resolve("@platformatic/kafka"))), "..", "package.json"), "utf8"),
) as { version: string };
const admin = new Admin(COMMON);

async function reading(
  group: string,
  topic: string,
  protocol: "classic" | "consumer",
  from?: number,
  isolationLevel = 0,
): Promise<Reading> {
  const common = { ...COMMON, groupId: group, deserializers: stringDeserializers };
  const consumer = new Consumer<string, string, string, string>(
    protocol === "classic"
      ? { ...common, groupProtocol: protocol, heartbeatInterval: 300, sessionTimeout: 10_000, rebalanceTimeout: 10_000 }
      : { ...common, groupProtocol: protocol },
  );
  const place =
    from === undefined
      ? { mode: MessagesStreamModes.COMMITTED, fallbackMode: MessagesStreamFallbackModes.EARLIEST }
      : { mode: MessagesStreamModes.MANUAL, offsets: [{ topic, partition: 0, offset: BigInt(from) }] };
  const stream = await consumer.consume({ topics: [topic], ...place, autocommit: false, maxWaitTime: 200, isolationLevel });
  const read: Read[] = [];
  stream.on("data", (message: Message<string, string, string, string>) =>
    read.push({
      key: String(message.key),
      value: String(message.value),
      at: String(message.headers.get("at")),
      offset: Number(message.offset),
      timestamp: Number(message.timestamp),
    }),
  );
  return { consumer, stream, read };
}

async function leave({ consumer, stream }: Reading): Promise<void> {
  await stream.close();
  await consumer.close(true);
}

async function read(topic: string, from: number, count: number, onlyCommitted = false): Promise<readonly Read[]> {
  const all = await reading(`${topic}-read-${from}`, topic, "classic", from, onlyCommitted ? READ_COMMITTED : 0);
  await until(`${count} records`, () => all.read.length >= count).finally(() => leave(all));
  return all.read;
}

async function member(group: string, topic: string, protocol: "classic" | "consumer"): Promise<Member> {
  const all = await reading(group, topic, protocol);
  return {
    partitions: () => all.consumer.assignments?.find((one) => one.topic === topic)?.partitions ?? [],
    get values() {
      return all.read.map((one) => one.value);
    },
    leave: () => leave(all),
  };
}

async function withProducer(
  settings: Partial<ProducerOptions<string, string, string, string>>,
  use: (producer: TextProducer) => Promise<void>,
): Promise<void> {
  const producer = new Producer<string, string, string, string>({ ...COMMON, serializers: stringSerializers, ...settings });
  await use(producer).finally(() => producer.close(true));
}

async function createTopic(topic: string, partitions: number): Promise<void> {
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
}

async function offsetAt(topic: string, timestamp: number): Promise<number> {
  const listed = await admin.listOffsets({
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: BigInt(timestamp) }] }],
  });
  return Number(listed[0]?.partitions[0]?.offset);
}

const client: Client = {
  nameAndVersion: `@platformatic/kafka ${version}`,
  compressions: ["gzip", "snappy", "lz4", "zstd"],
  prepare: createTopic,
  createTopic,
  send: (topic, records, { compression = "none", idempotent = false }) =>
    withProducer({ idempotent, compression: compression as Compression }, async (producer) => {
      const messages = records.map(({ key, value, at, timestamp }) => ({
        topic,
        key,
        value,
        partition: 0,
        headers: { at },
        ...(timestamp === undefined ? {} : { timestamp: BigInt(timestamp) }),
      }));
      await producer.send({ messages, acks: -1 });
    }),
  read,
  // It has no seek of its own: a stream begins where it is told.
  seek: async (topic, offset, count) => (await read(topic, offset, count)).map((one) => one.offset),
  join: (group, topic) => member(group, topic, "classic"),
  joinByNewProtocol: (group, topic) => member(group, topic, "consumer"),
  async readInGroup(group, topic, count, commitAt) {
    const all = await reading(group, topic, "classic");
    await until(`${count} records`, () => all.read.length >= count);
    if (commitAt !== undefined) {
      await all.consumer.commit({ offsets: [{ topic, partition: 0, offset: BigInt(commitAt), leaderEpoch: 0 }] });
    }
    await leave(all);
    return all.read.map((one) => one.value);
  },
  async committed(group, topic) {
    const [found] = await admin.listConsumerGroupOffsets({
      groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] }],
    });
    return Number(found?.topics[0]?.partitions[0]?.committedOffset);
  },
  listOffsets: async (topic) => [await offsetAt(topic, -2), await offsetAt(topic, -1)],
  offsetAt,
  async partitionsOf(topic) {
    if (!(await admin.listTopics()).includes(topic)) return 0;
    return (await admin.metadata({ topics: [topic], forceUpdate: true })).topics.get(topic)?.partitionsCount ?? 0;
  },
  async setConfig(topic, name, value) {
    const configs = [{ name, configOperation: 0 as const, value }];
    await admin.incrementalAlterConfigs({ resources: [{ resourceType: TOPIC, resourceName: topic, configs }] });
  },
  async configOf(topic, name) {
    const [described] = await admin.describeConfigs({ resources: [{ resourceType: TOPIC, resourceName: topic }] });
    return described?.configs.find((one) => one.name === name)?.value ?? undefined;
  },
  deleteTopic: (topic) => admin.deleteTopics({ topics: [topic] }),
  transact: (topic, all) =>
    withProducer({ transactionalId: topic, idempotent: true }, async (producer) => {
      for (const [value, commits] of all) {
        const transaction = await producer.beginTransaction();
        await transaction.send({ messages: [{ topic, value, partition: 0 }] });
        await (commits ? transaction.commit() : transaction.abort());
      }
    }),
};

await runChecks(client, prefix);
