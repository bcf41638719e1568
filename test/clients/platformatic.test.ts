// Goal: the producer and the admin client of @platformatic/kafka work as with Kafka. Its consumer is in groups.test.ts.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { inspect } from "node:util";
import { Admin, Producer, type ProducerOptions, stringSerializers } from "@platformatic/kafka";
import { COMPRESSIONS } from "@tidemq/protocol/compression.ts";
import { LATEST, newTopic, offsetAt, storedBatches, storedRecords, whenLed } from "./calls.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

const TOPIC = 2;

type Options = Partial<ProducerOptions<string, string, string, string>>;

describe("@platformatic/kafka", () => {
  let target: Target;
  let wire: Wire;
  let admin: Admin;

  before(async () => {
    target = await startTarget();
    wire = await Wire.connect(target);
    admin = new Admin({ clientId: "test", bootstrapBrokers: [target.bootstrap], retries: 3, retryDelay: 50 });
  });
  after(async () => {
    await admin?.close();
    wire?.close();
    await target?.stop();
  });

  const producing = async <T>(options: Options, run: (producer: Producer<string, string, string, string>) => Promise<T>): Promise<T> => {
    const base = { clientId: "test", bootstrapBrokers: [target.bootstrap], serializers: stringSerializers, retries: 3, retryDelay: 50 };
    const producer = new Producer<string, string, string, string>({ ...base, ...options });
    return run(producer).finally(() => producer.close());
  };

  for (const compression of COMPRESSIONS) {
    for (const idempotent of [false, true]) {
      test(`${compression}${idempotent ? ", idempotent" : ""}: offsets are reported, everything is there`, async () => {
        const topic = await newTopic(wire, `platformatic-${compression}`);
        const messages = Array.from({ length: 100 }, (_, n) => ({
          topic: topic.name,
          partition: 0,
          key: `k${n}`,
          value: `value ${n}`,
          headers: { n: String(n) },
        }));
        const sent = await producing({ idempotent, compression, ...(idempotent ? { acks: -1 } : {}) }, async (producer) => [
          await producer.send({ messages }),
          await producer.send({ messages }),
        ]);
        deepEqual(
          sent.map((one) => one.offsets?.map(({ partition, offset }) => [partition, offset])),
          [[[0, 0n]], [[0, 100n]]],
        );
        const batches = await storedBatches(wire, topic);
        deepEqual(new Set(batches.map((one) => one.compression)), new Set([compression]));
        ok(batches.every((one) => one.producerId >= 0 === idempotent));
        deepEqual(
          (await storedRecords(wire, topic)).map((record) => `${text(record.key)} ${text(record.value)} ${text(record.headers[0]?.value)}`),
          [...messages, ...messages].map(({ key, value, headers }) => `${key} ${value} ${headers.n}`),
        );
      });
    }
  }

  test("acks 0 and 1, a tombstone, and a time", async () => {
    const topic = await newTopic(wire, "acks");
    const timestamp = BigInt(Date.now() - 1000);
    await producing({}, async (producer) => {
      await producer.send({ acks: 0, messages: [{ topic: topic.name, partition: 0, value: "a", timestamp }] });
      while ((await offsetAt(wire, topic.name, 0, LATEST)).offset < 1);
      const { offsets } = await producer.send({ acks: 1, messages: [{ topic: topic.name, partition: 0, key: "b" }] });
      equal(offsets?.[0]?.offset, 1n);
    });
    const records = await storedRecords(wire, topic);
    deepEqual([BigInt(records[0]?.timestampMs ?? 0), records[1]?.value], [timestamp, null]);
  });

  test("a message too large is refused", async () => {
    const topic = await newTopic(wire, "large", { configs: { "max.message.bytes": "5000" } });
    const messages = [{ topic: topic.name, partition: 0, value: "x".repeat(6000) }];
    await rejects(
      producing({}, (producer) => producer.send({ messages })),
      refusedWith("MESSAGE_TOO_LARGE"),
    );
    equal((await offsetAt(wire, topic.name, 0, LATEST)).offset, 0);
  });

  test("many topics and partitions at once, by key", async () => {
    const topics = await Promise.all([newTopic(wire, "many", { partitions: 4 }), newTopic(wire, "many", { partitions: 2 })]);
    const messages = topics.flatMap(({ name }) =>
      Array.from({ length: 200 }, (_, n) => ({ topic: name, key: `key ${n}`, value: String(n) })),
    );
    await producing({}, (producer) => producer.send({ messages }));
    for (const [at, partitions] of [4, 2].entries()) {
      const topic = topics[at] as (typeof topics)[number];
      const stored = await Promise.all(Array.from({ length: partitions }, (_, partition) => storedRecords(wire, topic, partition)));
      equal(stored.flat().length, 200);
      ok(stored.every((records) => records.length > 0));
    }
  });

  test("writes to a topic that is not there yet", async () => {
    const name = freshName("auto");
    await producing({ autocreateTopics: true, retries: 10 }, (producer) => producer.send({ messages: [{ topic: name, value: "x" }] }));
    equal((await offsetAt(wire, name, 0, LATEST)).offset, 1);
  });

  test("a stream of batches", async () => {
    const topic = await newTopic(wire, "stream");
    await producing({}, async (producer) => {
      const stream = producer.asStream({ batchSize: 50, batchTime: 10 });
      for (let n = 0; n < 500; n += 1) stream.write({ topic: topic.name, partition: 0, value: String(n) });
      await stream.close();
    });
    deepEqual(
      (await storedRecords(wire, topic)).map((record) => text(record.value)),
      Array.from({ length: 500 }, (_, n) => String(n)),
    );
  });

  test("admin: topics", async () => {
    const name = freshName("admin");
    const configs = [{ name: "retention.ms", value: "4000000" }];
    const created = await admin.createTopics({ topics: [name], partitions: 2, replicas: 1, configs });
    deepEqual(
      created.map((one) => [one.name, one.partitions, one.replicas, one.configuration["retention.ms"]]),
      [[name, 2, 1, "4000000"]],
    );
    await whenLed(wire, name, 2);
    await rejects(admin.createTopics({ topics: [name], partitions: 1, replicas: 1 }), refusedWith("TOPIC_ALREADY_EXISTS"));
    await rejects(
      admin.createTopics({ topics: [freshName("factor")], partitions: 1, replicas: 3 }),
      refusedWith("INVALID_REPLICATION_FACTOR"),
    );
    ok((await admin.listTopics()).includes(name));
    await admin.createPartitions({ topics: [{ name, count: 3, assignments: [{ brokerIds: [1] }] }] });
    await whenLed(wire, name, 3);
    const metadata = await admin.metadata({ topics: [name], forceUpdate: true });
    deepEqual([metadata.topics.get(name)?.partitionsCount, metadata.topics.get(name)?.partitions[0]?.leader], [3, 1]);
    equal(metadata.id.length, 22);
    await admin.deleteTopics({ topics: [name] });
    await rejects(admin.deleteTopics({ topics: [name] }), refusedWith("UNKNOWN_TOPIC_OR_PARTITION"));
  });

  test("admin: options and offsets", async () => {
    const topic = await newTopic(wire, "options");
    const change = { name: "retention.ms", configOperation: 0, value: "5000000" } as const;
    await admin.incrementalAlterConfigs({ resources: [{ resourceType: TOPIC, resourceName: topic.name, configs: [change] }] });
    if (target.isKafka) await new Promise((resolve) => setTimeout(resolve, 200));
    const [described] = await admin.describeConfigs({ resources: [{ resourceType: TOPIC, resourceName: topic.name }] });
    equal(described?.configs.find((one) => one.name === "retention.ms")?.value, "5000000");
    const now = BigInt(Date.now());
    const messages = [now - 2000n, now - 1000n].map((timestamp) => ({ topic: topic.name, partition: 0, value: "x", timestamp }));
    await producing({}, (producer) => producer.send({ messages }));
    const at = async (timestamp: bigint) => {
      const listed = await admin.listOffsets({ topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, timestamp }] }] });
      return listed[0]?.partitions[0]?.offset;
    };
    deepEqual([await at(-2n), await at(-1n), await at(-3n), await at(now - 1500n), await at(now)], [0n, 2n, 1n, 1n, -1n]);
  });
});

function text(bytes: Uint8Array | null | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}

/** The client wraps errors in errors. */
function refusedWith(name: string): (error: Error) => boolean {
  return (error) => {
    match(inspect(error, { depth: 10 }), new RegExp(name));
    return true;
  };
}
