// Goal: our own client works against a real broker, in every way that it has of writing, reading and managing.
// `TARGET=kafka` tries it on Apache Kafka.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Client } from "@tidemq/client/client.ts";
import type { Assignment, Consumer } from "@tidemq/client/consumer.ts";
import { type ClientError, OffsetOutOfRangeError } from "@tidemq/client/errors.ts";
import type { GroupConsumer } from "@tidemq/client/group-consumer.ts";
import type { BatchReport, ProducerRecord } from "@tidemq/client/producer-batch.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { COMPRESSIONS } from "@tidemq/protocol/compression.ts";
import type { DecodedRecord } from "@tidemq/protocol/record.ts";
import * as header from "@tidemq/protocol/record-batch.ts";
import { allValues, GroupScene, until } from "./group-scene.ts";
import { freshName, startTarget, type Target } from "./target.ts";

let target: Target;
let client: Client;
let scene: GroupScene;

before(async () => {
  target = await startTarget();
  client = openClient({ bootstrap: [{ host: target.host, port: target.port }] });
  scene = new GroupScene(target);
});
after(async () => {
  await scene?.close();
  await client?.close();
  await target?.stop();
});

async function topic(partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> {
  const name = freshName("own");
  await client.admin.createTopic({ name, partitions, configs });
  return name;
}

function consumer(assignments: readonly Assignment[], options: Parameters<Client["consumer"]>[0] = {}): Consumer {
  const made = client.consumer({ waitMsMax: 200, ...options });
  made.assign(assignments);
  return made;
}

async function take(from: Consumer, count: number): Promise<DecodedRecord[]> {
  const records: DecodedRecord[] = [];
  while (records.length < count) {
    const batch = await from.next();
    if (batch === undefined) break;
    records.push(...batch.records());
  }
  return records;
}

function textOf(bytes: Uint8Array | null | undefined): string | null | undefined {
  return bytes === null || bytes === undefined ? bytes : Buffer.from(bytes).toString();
}

describe("producer", () => {
  for (const compression of COMPRESSIONS) {
    test(`${compression}: what was written is read, nulls and headers included`, async () => {
      const name = await topic();
      const producer = client.producer({ compression, lingerMs: 0 });
      const sent: ProducerRecord[] = [
        { topic: name, key: "k", value: "v".repeat(2_000), timestampMs: Date.now() - 5_000 },
        { topic: name, key: null, value: null },
        { topic: name, key: "", value: "" },
        {
          topic: name,
          value: "h",
          headers: [
            { key: "a", value: Buffer.from("1") },
            { key: "a", value: null },
            { key: "ä", value: Buffer.alloc(0) },
          ],
        },
      ];
      const deliveries = await Promise.all(sent.map((record) => producer.send(record)));
      deepEqual(
        deliveries.map(({ offset }) => offset),
        [0, 1, 2, 3],
      );
      const reading = consumer([{ topic: name, partition: 0, from: "earliest" }]);
      const batch = await reading.next();
      equal(header.codecId(batch?.bytes as Uint8Array, 0), COMPRESSIONS.indexOf(compression));
      const records = batch?.records() ?? [];
      deepEqual(
        records.map(({ key, value }) => [textOf(key), textOf(value)]),
        [
          ["k", "v".repeat(2_000)],
          [null, null],
          ["", ""],
          [null, "h"],
        ],
      );
      deepEqual(
        records[3]?.headers.map(({ key, value }) => [key, textOf(value)]),
        [
          ["a", "1"],
          ["a", null],
          ["ä", ""],
        ],
      );
      equal(records[0]?.timestampMs, sent[0]?.timestampMs);
      reading.close();
      await producer.close();
    });
  }

  test("many small batches in flight stay in order, once each", async () => {
    const name = await topic(3);
    const reports: BatchReport[] = [];
    const producer = client.producer({ lingerMs: 0, batchBytesMax: 300, onBatch: (report) => reports.push(report) });
    for (let i = 0; i < 5_000; i += 1) {
      const wait = producer.enqueue({ topic: name, partition: i % 3, value: String(i) });
      if (wait !== undefined) await wait;
      if (i % 200 === 0) await new Promise(setImmediate);
    }
    await producer.close();
    equal(
      reports.reduce((sum, { recordCount }) => sum + recordCount, 0),
      5_000,
    );
    equal(reports.find(({ error }) => error !== undefined)?.error, undefined);
    for (let partition = 0; partition < 3; partition += 1) {
      const reading = consumer([{ topic: name, partition, from: "earliest" }]);
      const expected = Array.from({ length: 5_000 }, (_, i) => i).filter((i) => i % 3 === partition);
      const records = await take(reading, expected.length);
      deepEqual(
        records.map(({ value }) => Number(textOf(value))),
        expected,
      );
      deepEqual(
        records.map(({ offset }) => offset),
        expected.map((_, i) => i),
      );
      reading.close();
    }
  });

  test("records of 1 byte and of nearly the limit; one beyond it is refused", async () => {
    const name = await topic();
    const producer = client.producer({ lingerMs: 0 });
    const large = "x".repeat(1_048_588 - 100);
    await producer.send({ topic: name, value: "1" });
    await producer.send({ topic: name, value: large });
    await rejects(
      producer.send({ topic: name, value: `${large}${"x".repeat(200)}` }),
      (error: ClientError) => error.code === "MESSAGE_TOO_LARGE" && error.place.topic === name,
    );
    equal((await producer.send({ topic: name, value: "after" })).offset, 2);
    const reading = consumer([{ topic: name, partition: 0, from: 1 }], { partitionBytesMax: 1_000 });
    deepEqual(
      (await take(reading, 2)).map(({ value }) => value?.byteLength),
      [large.length, 5],
    );
    reading.close();
    await producer.close();
  });

  test("a batch above the topic's limit is halved until it fits", async () => {
    const name = await topic(1, { "max.message.bytes": "2000" });
    const producer = client.producer({ lingerMs: 5 });
    const deliveries = await Promise.all(
      Array.from({ length: 50 }, (_, i) => producer.send({ topic: name, value: String(i).padEnd(150) })),
    );
    deepEqual(
      deliveries.map(({ offset }) => offset),
      deliveries.map((_, i) => i),
    );
    await producer.close();
  });

  test("acks 1 and 0, without idempotence", async () => {
    const name = await topic();
    for (const acks of [1, 0] as const) {
      const producer = client.producer({ acks, lingerMs: 0 });
      const { offset } = await producer.send({ topic: name, value: `acks ${acks}` });
      equal(offset, acks === 0 ? -1 : 0);
      await producer.close();
    }
    const reading = consumer([{ topic: name, partition: 0, from: "earliest" }]);
    deepEqual(
      (await take(reading, 2)).map(({ value }) => textOf(value)),
      ["acks 1", "acks 0"],
    );
    reading.close();
  });

  test("an unknown topic and an unknown partition are errors", async () => {
    const strict = openClient({ bootstrap: [{ host: target.host, port: target.port }], unknownTopicMs: 200 });
    const producer = strict.producer();
    await rejects(
      producer.send({ topic: freshName("never"), value: "x" }),
      (error: ClientError) => error.code === "UNKNOWN_TOPIC_OR_PARTITION",
    );
    await rejects(
      producer.send({ topic: await topic(2), partition: 2, value: "x" }),
      (error: ClientError) => error.code === "UNKNOWN_TOPIC_OR_PARTITION",
    );
    await strict.close();
  });
});

describe("consumer", () => {
  for (const sessions of [true, false]) {
    test(`${sessions ? "with" : "without"} fetch sessions: many partitions, while records come and partitions are paused`, async () => {
      const name = await topic(10);
      const producer = client.producer({ lingerMs: 0 });
      const reading = consumer(
        Array.from({ length: 10 }, (_, partition) => ({ topic: name, partition, from: "earliest" as const })),
        { sessions },
      );
      reading.pause(name, 3);
      const expected = new Map<number, string[]>();
      for (let round = 0; round < 5; round += 1) {
        for (let partition = 0; partition < 10; partition += 1) {
          if ((partition + round) % 3 === 0) continue;
          const value = `${partition}.${round}`;
          expected.set(partition, [...(expected.get(partition) ?? []), value]);
          await producer.send({ topic: name, partition, value });
        }
      }
      const got = new Map<number, string[]>();
      const total = [...expected.values()].flat().length;
      for (let count = 0; count < total; ) {
        if (count === total - (expected.get(3)?.length ?? 0)) {
          equal(got.has(3), false, "paused");
          reading.resume(name, 3);
        }
        const batch = await reading.next();
        const values = batch?.records().map(({ value }) => textOf(value) ?? "") ?? [];
        got.set(batch?.partition ?? -1, [...(got.get(batch?.partition ?? -1) ?? []), ...values]);
        count += values.length;
      }
      deepEqual(
        [...got].sort(([a], [b]) => a - b),
        [...expected].sort(([a], [b]) => a - b),
      );
      reading.close();
      await producer.close();
    });
  }

  test("offsets by place and time, and reading from there", async () => {
    const name = await topic();
    const nowMs = Date.now();
    const producer = client.producer({ lingerMs: 0 });
    for (let i = 0; i < 6; i += 1) await producer.send({ topic: name, value: String(i), timestampMs: nowMs - 60_000 + i * 1_000 });
    const ask = (at: Parameters<typeof client.admin.listOffsets>[0][number]["at"]) => ({ topic: name, partition: 0, at });
    const answers = await client.admin.listOffsets([
      ask("earliest"),
      ask("latest"),
      ask("max-timestamp"),
      ask({ timestampMs: nowMs - 60_000 + 2_500 }),
      ask({ timestampMs: nowMs + 60_000 }),
    ]);
    deepEqual(
      answers.map(({ offset }) => offset),
      [0, 6, 5, 3, -1],
    );
    for (const [from, first] of [
      ["earliest", "0"],
      [4, "4"],
      [{ timestampMs: nowMs - 60_000 + 1_000 }, "1"],
    ] as const) {
      const reading = consumer([{ topic: name, partition: 0, from }]);
      equal(textOf((await take(reading, 1))[0]?.value), first);
      reading.close();
    }
    const reading = consumer([{ topic: name, partition: 0, from: "latest" }]);
    const next = reading.next();
    while (reading.position(name, 0) === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    await producer.send({ topic: name, value: "new" });
    equal(textOf((await next)?.records()[0]?.value), "new");
    reading.close();
    await producer.close();
  });

  test("an offset out of range is told with the range; deleting the topic ends reading", async () => {
    const name = await topic();
    const producer = client.producer({ lingerMs: 0 });
    await producer.send({ topic: name, value: "x" });
    const reading = consumer([{ topic: name, partition: 0, from: 7 }]);
    await rejects(reading.next(), (error: unknown) => {
      ok(error instanceof OffsetOutOfRangeError);
      deepEqual(error.range, { requested: 7, first: 0, end: 1 });
      return true;
    });
    reading.seek(name, 0, 0);
    equal((await take(reading, 1)).length, 1);
    await client.admin.deleteTopic(name);
    await rejects(reading.next(), (error: ClientError) => error.code === "UNKNOWN_TOPIC_OR_PARTITION" || error.code === "UNKNOWN_TOPIC_ID");
    reading.close();
    await producer.close();
  });
});

describe("admin", () => {
  test("a topic's life", async () => {
    const name = freshName("life");
    const created = await client.admin.createTopic({ name, partitions: 2, replicationFactor: 1, configs: { "retention.ms": "86400000" } });
    deepEqual([created.partitions, created.replicationFactor, created.topicId.length], [2, 1, 22]);
    await rejects(
      client.admin.createTopic({ name }),
      (error: ClientError) => error.code === "TOPIC_ALREADY_EXISTS" && error.next.length > 0,
    );
    await client.admin.addPartitions(name, 4);
    await rejects(client.admin.addPartitions(name, 4), (error: ClientError) => error.code === "INVALID_PARTITIONS");
    const described = await client.admin.describeTopic(name);
    deepEqual(
      described.partitions.map(({ index, leader }) => [index, leader]),
      [0, 1, 2, 3].map((index) => [index, described.partitions[0]?.leader]),
    );
    const listed = (await client.admin.listTopics()).find((one) => one.name === name);
    deepEqual([listed?.partitions, listed?.replicationFactor], [4, 1]);
    await client.admin.alterConfigs({ type: "topic", name }, [
      { name: "cleanup.policy", operation: "append", value: "compact" },
      { name: "retention.ms", operation: "delete" },
    ]);
    const configs = await client.admin.describeConfigs({ type: "topic", name }, ["cleanup.policy", "retention.ms"]);
    const shown = new Map(configs.map((entry) => [entry.name, `${entry.value} from ${entry.source}`]));
    deepEqual([shown.get("cleanup.policy"), shown.get("retention.ms")], ["delete,compact from topic", "604800000 from default"]);
    await rejects(
      client.admin.alterConfigs({ type: "topic", name }, [{ name: "retention.ms", operation: "set", value: "soon" }]),
      (error: ClientError) => error.code === "INVALID_CONFIG",
    );
    await client.admin.deleteTopic(name);
    await rejects(client.admin.deleteTopic(name), (error: ClientError) => error.code === "UNKNOWN_TOPIC_OR_PARTITION");
  });

  test("validated only, nothing comes of it", async () => {
    const name = freshName("dry");
    await client.admin.createTopic({ name, validateOnly: true });
    equal(
      (await client.admin.listTopics()).some((one) => one.name === name),
      false,
    );
  });

  test("the cluster and a broker's options", async () => {
    const cluster = await client.admin.describeCluster();
    deepEqual(
      cluster.brokers.map(({ address }) => address.port),
      [target.port],
    );
    const options = await client.admin.describeConfigs({ type: "broker", name: String(cluster.brokers[0]?.nodeId) });
    ok(options.length > 0);
  });
});

describe("groups", () => {
  const take = async (member: GroupConsumer, count: number): Promise<string[]> => {
    const values: string[] = [];
    while (values.length < count) {
      const batch = await member.next();
      if (batch === undefined) break;
      values.push(...batch.records().map(({ value }) => textOf(value) ?? ""));
    }
    return values;
  };

  test("a member reads, commits, leaves; the next one goes on there", async () => {
    const name = await scene.topic(2, 5);
    const group = freshName("own");
    const first = client.groupConsumer(group, { from: "earliest", waitMsMax: 200 });
    first.subscribe([name]);
    deepEqual((await take(first, 10)).sort(), allValues(2, 0, 5));
    const waiting = first.next();
    await first.close();
    equal(await waiting, undefined);
    deepEqual(await scene.committed(group, name), [5, 5]);
    await scene.write(name, 2, 5, 7);
    const second = client.groupConsumer(group, { from: "earliest", waitMsMax: 200 });
    second.subscribe([name]);
    deepEqual((await take(second, 4)).sort(), allValues(2, 5, 7));
    await second.commit([{ topic: name, partition: 1, offset: 6, metadata: "a note" }]);
    await second.close();
    equal((await scene.committed(group, name))[1], 6, "the last batch was still in hand");
    equal((await client.groups.offsets(group)).find(({ partition }) => partition === 1)?.metadata, "a note");
  });

  test("members share, and give back; nothing comes twice when all leave well", async () => {
    const name = await scene.topic(4, 5);
    const group = freshName("own");
    const seen: string[][] = [[], []];
    const join = (values: string[]): { member: GroupConsumer; reading: Promise<void> } => {
      const member = client.groupConsumer(group, { from: "earliest", waitMsMax: 200 });
      member.subscribe([name]);
      const read = async (): Promise<void> => {
        for await (const batch of member) values.push(...batch.records().map(({ value }) => textOf(value) ?? ""));
      };
      return { member, reading: read() };
    };
    const first = join(seen[0] as string[]);
    await until("all is read", () => (seen[0]?.length === 20 ? undefined : `${seen[0]?.length}`));
    const second = join(seen[1] as string[]);
    await scene.whenShared(group, [2, 2]);
    await until("both know", () => (first.member.assignment.length + second.member.assignment.length === 4 ? undefined : "not yet"));
    await scene.write(name, 4, 5, 8);
    await until("new records", () => (seen.flat().length >= 32 ? undefined : `${seen.flat().length}`));
    await first.member.close();
    await scene.whenShared(group, [4]);
    await scene.write(name, 4, 8, 9);
    await until("the last records", () => (seen.flat().length >= 36 ? undefined : `${seen.flat().length}`));
    await second.member.close();
    await Promise.all([first.reading, second.reading]);
    deepEqual(seen.flat().sort(), allValues(4, 0, 9));
    deepEqual(await scene.committed(group, name), [9, 9, 9, 9]);
  });

  test("a static member comes back to what it had; a second one under its name is refused", async () => {
    const name = await scene.topic(2, 1);
    const group = freshName("own");
    const open = (): GroupConsumer => {
      const member = client.groupConsumer(group, { from: "earliest", instanceId: "one", waitMsMax: 200 });
      member.subscribe([name]);
      return member;
    };
    const first = open();
    await take(first, 2);
    await first.close();
    equal((await client.groups.describe(group)).members.length, 1, "it has not left");
    const second = open();
    await until("it is back", async () => {
      const { members } = await client.groups.describe(group);
      return members.length === 1 && members[0]?.memberId === second.memberId ? undefined : JSON.stringify(members);
    });
    const impatient = openClient({
      bootstrap: [{ host: target.host, port: target.port }],
      operationTimeoutMs: 500,
      bootstrapTimeoutMs: 500,
    });
    const double = impatient.groupConsumer(group, { instanceId: "one" });
    double.subscribe([name]);
    await rejects(double.next(), { code: "UNRELEASED_INSTANCE_ID" });
    impatient.abort();
    await second.close();
  });

  test("admin: list, describe, progress, move, delete", async () => {
    const name = await scene.topic(2, 5);
    const group = freshName("own");
    const member = client.groupConsumer(group, { from: "earliest", waitMsMax: 200, rackId: "r", assignor: "range" });
    member.subscribe([name]);
    await take(member, 10);
    await until("stable", async () => ((await client.groups.describe(group)).state === "Stable" ? undefined : "not yet"));
    const described = await client.groups.describe(group);
    deepEqual([described.type, described.assignor, described.coordinator], ["consumer", "range", 1]);
    deepEqual(described.members[0]?.assignment, [{ topic: name, partitions: [0, 1] }]);
    equal((await client.groups.list({ states: ["stable"], types: ["consumer"] })).filter(({ groupId }) => groupId === group).length, 1);
    equal((await client.groups.list({ states: ["empty"] })).filter(({ groupId }) => groupId === group).length, 0);
    const places = [0, 1].map((partition) => ({ topic: name, partition }));
    deepEqual(
      (await client.groups.progress(group, places)).map(({ offset, end, lag }) => [offset, end, lag]),
      [0, 1].map(() => [undefined, 5, undefined]),
    );
    await rejects(client.groups.delete(group), { code: "NON_EMPTY_GROUP" });
    await rejects(client.groups.commit(group, [{ topic: name, partition: 0, offset: 3 }]), { code: "UNKNOWN_MEMBER_ID" });
    await member.commit();
    await rejects(client.groups.deleteOffsets(group, places), { code: "GROUP_SUBSCRIBED_TO_TOPIC" });
    await member.close();
    await client.groups.commit(group, [{ topic: name, partition: 0, offset: 3 }]);
    deepEqual(
      (await client.groups.progress(group)).map(({ offset, end, lag }) => [offset, end, lag]),
      [
        [3, 5, 2],
        [5, 5, 0],
      ],
    );
    await client.groups.deleteOffsets(group, [{ topic: name, partition: 1 }]);
    deepEqual(await scene.committed(group, name), [3]);
    await client.groups.delete(group);
    await rejects(client.groups.describe(group), { code: "GROUP_ID_NOT_FOUND" });
    await rejects(client.groups.delete(group), { code: "GROUP_ID_NOT_FOUND" });
  });
});
