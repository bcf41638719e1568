// What is asked of node-rdkafka. Arguments: bootstrap servers, beginning of topic names, folder into which it is installed.
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Client, type Member, type Read, runChecks, until } from "./checks.ts";

type Callback<T> = (error: Error | null, result: T) => void;
type Place = Readonly<{ topic: string; partition: number; offset?: number }>;
type Message = Readonly<{
  key: Buffer | null;
  value: Buffer | null;
  offset: number;
  timestamp: number;
  headers?: readonly Record<string, Buffer>[];
}>;
type Metadata = Readonly<{ topics: readonly Readonly<{ name: string; partitions: readonly unknown[] }>[] }>;

/** What is used of it; it is not installed where types are checked. */
interface Connected {
  connect(options: object, callback: Callback<unknown>): void;
  disconnect(callback: Callback<unknown>): void;
  getMetadata(options: object, callback: Callback<Metadata>): void;
  queryWatermarkOffsets(
    topic: string,
    partition: number,
    timeout: number,
    callback: Callback<{ lowOffset: number; highOffset: number }>,
  ): void;
}
interface RawProducer extends Connected {
  produce(
    topic: string,
    partition: number,
    value: Buffer,
    key?: string | null,
    timestamp?: number,
    opaque?: unknown,
    headers?: object[],
  ): unknown;
  on(event: "delivery-report", listener: (error: Error | null) => void): void;
  setPollInterval(ms: number): void;
  flush(timeout: number, callback: Callback<unknown>): void;
  initTransactions(timeout: number, callback: Callback<unknown>): void;
  beginTransaction(callback: Callback<unknown>): void;
  commitTransaction(timeout: number, callback: Callback<unknown>): void;
  abortTransaction(timeout: number, callback: Callback<unknown>): void;
}
interface RawConsumer extends Connected {
  assign(places: readonly Place[]): void;
  assignments(): readonly Place[];
  subscribe(topics: readonly string[]): void;
  consume(): void;
  on(event: "data", listener: (message: Message) => void): void;
  seek(place: Place, timeout: number, callback: Callback<unknown>): void;
  commitSync(place: Place): void;
  committed(places: readonly Place[], timeout: number, callback: Callback<readonly Place[]>): void;
  offsetsForTimes(places: readonly Place[], timeout: number, callback: Callback<readonly Place[]>): void;
}
interface RawAdmin {
  createTopic(topic: object, timeout: number, callback: Callback<unknown>): void;
  deleteTopic(topic: string, timeout: number, callback: Callback<unknown>): void;
}
type Library = Readonly<{
  librdkafkaVersion: string;
  Producer: new (settings: object, topicSettings: object) => RawProducer;
  KafkaConsumer: new (settings: object, topicSettings: object) => RawConsumer;
  AdminClient: { create(settings: object): RawAdmin };
}>;

const [bootstrap = "", prefix = "", folder = ""] = process.argv.slice(2);
const load = createRequire(join(folder, "package.json"));
const library = load("node-rdkafka") as Library;
const { version } = load("node-rdkafka/package.json") as { version: string };
const COMMON = { "metadata.broker.list": bootstrap, log_level: 0 };
const WAIT_MS = 15_000;
const admin = library.AdminClient.create(COMMON);

/** The result of what calls back. */
function called<T>(start: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))));
}

async function withProducer(settings: object, use: (producer: RawProducer) => Promise<void>): Promise<void> {
  const producer = new library.Producer({ ...COMMON, dr_cb: true, ...settings }, {});
  producer.setPollInterval(20);
  await called((done) => producer.connect({}, done));
  await use(producer).finally(() => called((done) => producer.disconnect(done)));
}

type Reading = Readonly<{ consumer: RawConsumer; read: Read[]; end: () => Promise<unknown> }>;

async function connectedConsumer(group: string, settings: object = {}): Promise<RawConsumer> {
  const consumer = new library.KafkaConsumer(
    { ...COMMON, "group.id": group, "enable.auto.commit": false, ...settings },
    { "auto.offset.reset": "earliest" },
  );
  await called((done) => consumer.connect({}, done));
  return consumer;
}

async function reading(group: string, place: readonly Place[] | string, settings: object = {}): Promise<Reading> {
  const consumer = await connectedConsumer(group, settings);
  const read: Read[] = [];
  consumer.on("data", ({ key, value, offset, timestamp, headers }) =>
    read.push({ key: String(key), value: String(value), at: String(headers?.[0]?.["at"]), offset, timestamp }),
  );
  if (typeof place === "string") consumer.subscribe([place]);
  else consumer.assign(place);
  consumer.consume();
  return { consumer, read, end: () => called((done) => consumer.disconnect(done)) };
}

async function read(topic: string, offset: number, count: number, onlyCommitted = false): Promise<readonly Read[]> {
  const isolation = { "isolation.level": onlyCommitted ? "read_committed" : "read_uncommitted" };
  const all = await reading("none", [{ topic, partition: 0, offset }], isolation);
  await until(`${count} records`, () => all.read.length >= count).finally(all.end);
  return all.read;
}

async function member(group: string, topic: string, settings: object = {}): Promise<Member> {
  const { consumer, read: seen, end } = await reading(group, topic, settings);
  return {
    partitions: () => consumer.assignments().map((one) => one.partition),
    get values() {
      return seen.map((one) => one.value);
    },
    leave: async () => void (await end()),
  };
}

const createTopic = async (topic: string, partitions: number): Promise<void> => {
  await called((done) => admin.createTopic({ topic, num_partitions: partitions, replication_factor: 1 }, WAIT_MS, done));
};

/** The answer of a consumer to one question. It reads nothing, since one that is ended before its first record hangs. */
async function asked<T>(group: string, question: (consumer: RawConsumer, done: Callback<T>) => void): Promise<T> {
  const consumer = await connectedConsumer(group);
  return called<T>((done) => question(consumer, done)).finally(() => called((done) => consumer.disconnect(done)));
}

const client: Client = {
  nameAndVersion: `node-rdkafka ${version.replace(/^v/, "")} (librdkafka ${library.librdkafkaVersion})`,
  compressions: ["gzip", "snappy", "lz4", "zstd"],
  prepare: createTopic,
  createTopic,
  send: (topic, records, { compression = "none", idempotent = false }) =>
    withProducer(
      { "compression.codec": compression, "enable.idempotence": idempotent, "linger.ms": compression === "none" ? 5 : 50 },
      async (producer) => {
        const reports: (Error | null)[] = [];
        producer.on("delivery-report", (error) => reports.push(error));
        for (const { key, value, at, timestamp } of records) {
          producer.produce(topic, 0, Buffer.from(value), key, timestamp, undefined, [{ at }]);
        }
        await called((done) => producer.flush(WAIT_MS, done));
        await until("every report", () => reports.length === records.length);
        const failed = reports.find((one) => one);
        if (failed) throw failed;
      },
    ),
  read,
  async seek(topic, offset, count) {
    const all = await reading("none", [{ topic, partition: 0, offset: 0 }]);
    await until("the end", () => all.read.length >= offset + count);
    all.read.length = 0;
    await called((done) => all.consumer.seek({ topic, partition: 0, offset }, WAIT_MS, done));
    await until(`${count} records`, () => all.read.length >= count).finally(all.end);
    return all.read.map((one) => one.offset);
  },
  join: (group, topic) => member(group, topic),
  joinByNewProtocol: (group, topic) => member(group, topic, { "group.protocol": "consumer" }),
  async readInGroup(group, topic, count, commitAt) {
    const all = await reading(group, topic);
    await until(`${count} records`, () => all.read.length >= count);
    if (commitAt !== undefined) all.consumer.commitSync({ topic, partition: 0, offset: commitAt });
    await all.end();
    return all.read.map((one) => one.value);
  },
  async committed(group, topic) {
    const found = await asked<readonly Place[]>(group, (consumer, done) => consumer.committed([{ topic, partition: 0 }], WAIT_MS, done));
    return Number(found[0]?.offset);
  },
  async listOffsets(topic) {
    type Ends = { lowOffset: number; highOffset: number };
    const ends = await asked<Ends>("none", (consumer, done) => consumer.queryWatermarkOffsets(topic, 0, WAIT_MS, done));
    return [ends.lowOffset, ends.highOffset];
  },
  async offsetAt(topic, timestamp) {
    const place = { topic, partition: 0, offset: timestamp };
    const found = await asked<readonly Place[]>("none", (consumer, done) => consumer.offsetsForTimes([place], WAIT_MS, done));
    return Number(found[0]?.offset);
  },
  async partitionsOf(topic) {
    let found = 0;
    await withProducer({}, async (producer) => {
      const metadata = await called<Metadata>((done) => producer.getMetadata({ timeout: WAIT_MS }, done));
      found = metadata.topics.find((one) => one.name === topic)?.partitions.length ?? 0;
    });
    return found;
  },
  async deleteTopic(topic) {
    await called((done) => admin.deleteTopic(topic, WAIT_MS, done));
  },
  transact: (topic, all) =>
    withProducer({ "transactional.id": topic }, async (producer) => {
      await called((done) => producer.initTransactions(WAIT_MS, done));
      for (const [value, commits] of all) {
        await called((done) => producer.beginTransaction(done));
        producer.produce(topic, 0, Buffer.from(value));
        await called((done) => (commits ? producer.commitTransaction(WAIT_MS, done) : producer.abortTransaction(WAIT_MS, done)));
      }
    }),
};

await runChecks(client, prefix);
