// Goal: topics are created, refused, grown, changed and deleted as Kafka does it, error code by error code.
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { API } from "@tidemq/client/apis.ts";
import { errorInfo } from "@tidemq/protocol/error-codes.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { createTopic, deleteTopic, EARLIEST, fetch, LATEST, newTopic, offsetAt, only, produce, storedRecords, whenLed } from "./calls.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

const TOPIC = 2;
const BROKER = 4;
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;
const GONE_MS_MAX = 5_000;

let target: Target;
let wire: Wire;

before(async () => {
  target = await startTarget();
  wire = await Wire.connect(target);
});
after(async () => {
  wire?.close();
  await target?.stop();
});

describe("CreateTopics", () => {
  for (const [text, name] of [
    ["an empty name", ""],
    ["a dot", "."],
    ["two dots", ".."],
    ["a slash", "a/b"],
    ["a space", "a b"],
    ["an umlaut", "grün"],
    ["a null byte", "a\0b"],
    ["250 characters", "x".repeat(250)],
  ] as const) {
    test(`${text} is INVALID_TOPIC_EXCEPTION`, async () => {
      equal((await createTopic(wire, name)).error, "INVALID_TOPIC_EXCEPTION");
    });
  }

  test("249 characters of every kind that is allowed are a name", async () => {
    const name = `aZ09._-${freshName("")}`.padEnd(249, "x");
    const created = await createTopic(wire, name, { partitions: 3 });
    deepEqual([created.error, created.partitions, created.replicationFactor, created.topicId.length], ["NONE", 3, 1, 22]);
    equal((await createTopic(wire, name)).error, "TOPIC_ALREADY_EXISTS");
    equal((await createTopic(wire, name, { validateOnly: true })).error, "TOPIC_ALREADY_EXISTS");
    equal(await deleteTopic(wire, name), "NONE");
  });

  for (const [text, options, error] of [
    ["0 partitions", { partitions: 0 }, "INVALID_PARTITIONS"],
    ["-2 partitions", { partitions: -2 }, "INVALID_PARTITIONS"],
    ["replication factor 0", { replicationFactor: 0 }, "INVALID_REPLICATION_FACTOR"],
    ["replication factor -2", { replicationFactor: -2 }, "INVALID_REPLICATION_FACTOR"],
    ["replication factor 2 on one broker", { replicationFactor: 2 }, "INVALID_REPLICATION_FACTOR"],
    ["replication factor 32767", { replicationFactor: 32_767 }, "INVALID_REPLICATION_FACTOR"],
    ["an unknown option", { configs: { "no.such.option": "1" } }, "INVALID_CONFIG"],
    ["an option that is no number", { configs: { "retention.ms": "soon" } }, "INVALID_CONFIG"],
    ["an option out of range", { configs: { "max.message.bytes": "-1" } }, "INVALID_CONFIG"],
    ["an option that is none of its values", { configs: { "cleanup.policy": "keep" } }, "INVALID_CONFIG"],
    ["another timestamp type", { configs: { "message.timestamp.type": "Whenever" } }, "INVALID_CONFIG"],
  ] as const) {
    for (const validateOnly of [false, true]) {
      test(`${text}${validateOnly ? ", validated only," : ""} is ${error}`, async () => {
        const name = freshName("refused");
        const { error: got, message } = await createTopic(wire, name, { ...options, validateOnly });
        equal(got, error);
        ok((message ?? "").length > 10, "says why");
        equal((await metadata(name)).error, "UNKNOWN_TOPIC_OR_PARTITION", "nothing came of it");
      });
    }
  }

  test("-1 takes the defaults, and the answer tells them and the options", async () => {
    const answer = await ask({
      name: freshName("defaults"),
      numPartitions: -1,
      replicationFactor: -1,
      configs: [config("retention.ms", "5000000")],
    });
    equal(errorInfo(answer.errorCode).name, "NONE");
    deepEqual([answer.numPartitions, answer.replicationFactor], [1, 1]);
    const retention = answer.configs?.find((one) => one.name === "retention.ms");
    deepEqual([retention?.value, retention?.configSource, retention?.isSensitive], ["5000000", 1, false]);
    ok((answer.configs?.length ?? 0) > 20);
  });

  test("an option without a value is INVALID_CONFIG", async () => {
    const answer = await ask({ name: freshName("null"), configs: [config("retention.ms", null)] });
    equal(errorInfo(answer.errorCode).name, "INVALID_CONFIG");
  });

  test("a name that differs only by . and _ is INVALID_TOPIC_EXCEPTION", async () => {
    const name = freshName("dots");
    equal((await createTopic(wire, `${name}.a_b`)).error, "NONE");
    equal((await createTopic(wire, `${name}_a.b`)).error, "INVALID_TOPIC_EXCEPTION");
  });

  test("a topic that is asked for twice in one request is INVALID_REQUEST, the others are created", async () => {
    const [twice, once] = [freshName("twice"), freshName("once")];
    const one = (name: string) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] });
    const { topics } = await wire.ask(API.createTopics, 7, { topics: [one(twice), one(twice), one(once)], timeoutMs: 5_000 });
    deepEqual(
      new Map(topics.map((topic) => [topic.name, errorInfo(topic.errorCode).name])),
      new Map([
        [once, "NONE"],
        [twice, "INVALID_REQUEST"],
      ]),
    );
    equal(topics.length, 2);
  });

  test("validated only, a good topic is NONE and does not come into being", async () => {
    const name = freshName("validated");
    equal((await createTopic(wire, name, { validateOnly: true, partitions: 2 })).error, "NONE");
    equal((await metadata(name)).error, "UNKNOWN_TOPIC_OR_PARTITION");
  });

  test("by assignment", async () => {
    const { brokers } = await wire.ask(API.metadata, 12, { topics: [] });
    const brokerIds = [only(brokers).nodeId];
    const assigned = (...indexes: number[]) => ({
      numPartitions: -1,
      replicationFactor: -1,
      assignments: indexes.map((partitionIndex) => ({ partitionIndex, brokerIds })),
    });
    equal((await ask({ name: freshName("assigned"), ...assigned(0, 1) })).errorCode, 0);
    equal(errorInfo((await ask({ name: freshName("gap"), ...assigned(0, 2) })).errorCode).name, "INVALID_REPLICA_ASSIGNMENT");
    const both = { ...assigned(0), numPartitions: 1 };
    equal(errorInfo((await ask({ name: freshName("both"), ...both })).errorCode).name, "INVALID_REQUEST");
    const strange = { ...assigned(0), assignments: [{ partitionIndex: 0, brokerIds: [4711] }] };
    equal(errorInfo((await ask({ name: freshName("strange"), ...strange })).errorCode).name, "INVALID_REPLICA_ASSIGNMENT");
  });

  test("what was created is led and takes records at once", {
    skip: kafkaSkip("Kafka lists a topic before its leader accepts"),
  }, async () => {
    const name = freshName("at-once");
    const { topicId } = await createTopic(wire, name, { partitions: 20 });
    const { topic } = await metadata(name);
    deepEqual(
      topic?.partitions.map((one) => [one.errorCode, one.leaderId]),
      Array(20).fill([0, 1]),
    );
    for (let partition = 0; partition < 20; partition += 1) {
      deepEqual((await produce(wire, { name, topicId }, batchOf("x"), { partition })).error, "NONE");
    }
  });
});

describe("Metadata", () => {
  test("an unknown topic comes into being when that is allowed", async () => {
    const name = freshName("auto");
    equal((await metadata(name)).error, "UNKNOWN_TOPIC_OR_PARTITION");
    const first = await metadata(name, true);
    ok(["NONE", "LEADER_NOT_AVAILABLE", "UNKNOWN_TOPIC_OR_PARTITION"].includes(first.error), first.error);
    await whenLed(wire, name, 1);
    const { error, topic } = await metadata(name);
    deepEqual([error, topic?.partitions.length, topic?.isInternal], ["NONE", 1, false]);
  });

  test("a name that is none is INVALID_TOPIC_EXCEPTION, allowed or not", async () => {
    equal((await metadata("a/b", true)).error, "INVALID_TOPIC_EXCEPTION");
    equal((await metadata("a/b")).error, "INVALID_TOPIC_EXCEPTION");
  });

  test("by id", async () => {
    const { name, topicId } = await newTopic(wire, "by-id");
    const known = only((await wire.ask(API.metadata, 13, { topics: [{ topicId, name: null }] })).topics);
    deepEqual([known.name, known.topicId, known.errorCode], [name, topicId, 0]);
    const unknown = only((await wire.ask(API.metadata, 13, { topics: [{ topicId: "AAAAAAAAAAAAAAAAAAAABQ", name: null }] })).topics);
    deepEqual([unknown.name, errorInfo(unknown.errorCode).name], [null, "UNKNOWN_TOPIC_ID"]);
  });

  test("all topics: null, and an empty list in version 0; none: an empty list", async () => {
    const { name } = await newTopic(wire, "listed", { partitions: 2 });
    const names = (topics: readonly { name: string | null }[]) => topics.map((topic) => topic.name);
    ok(names((await wire.ask(API.metadata, 12, { topics: null })).topics).includes(name));
    ok(names((await wire.ask(API.metadata, 0, { topics: [] })).topics).includes(name));
    deepEqual((await wire.ask(API.metadata, 12, { topics: [] })).topics, []);
  });

  test("brokers have the address that was reached, and a controller is named", async () => {
    const { brokers, controllerId, clusterId } = await wire.ask(API.metadata, 12, { topics: [] });
    deepEqual(only(brokers), { nodeId: controllerId, host: target.host, port: target.port, rack: null });
    match(clusterId ?? "", /^[A-Za-z0-9_-]{22}$/);
    const cluster = await wire.ask(API.describeCluster, 2, { includeClusterAuthorizedOperations: false });
    deepEqual([cluster.errorCode, cluster.clusterId, cluster.brokers.length], [0, clusterId, 1]);
    deepEqual([cluster.brokers[0]?.host, cluster.brokers[0]?.port, cluster.brokers[0]?.isFenced], [target.host, target.port, false]);
  });
});

describe("DeleteTopics", () => {
  test("an unknown topic is UNKNOWN_TOPIC_OR_PARTITION, an unknown id UNKNOWN_TOPIC_ID", async () => {
    equal(await deleteTopic(wire, freshName("never")), "UNKNOWN_TOPIC_OR_PARTITION");
    const topics = [{ name: null, topicId: "AAAAAAAAAAAAAAAAAAAABQ" }];
    const { responses } = await wire.ask(API.deleteTopics, 6, { topics, timeoutMs: 5_000 });
    equal(errorInfo(only(responses).errorCode).name, "UNKNOWN_TOPIC_ID");
  });

  test("name and id together are INVALID_REQUEST", async () => {
    const { name, topicId } = await newTopic(wire, "both");
    const { responses } = await wire.ask(API.deleteTopics, 6, { topics: [{ name, topicId }], timeoutMs: 5_000 });
    equal(errorInfo(only(responses).errorCode).name, "INVALID_REQUEST");
    const byId = await wire.ask(API.deleteTopics, 6, { topics: [{ name: null, topicId }], timeoutMs: 5_000 });
    deepEqual([only(byId.responses).errorCode, only(byId.responses).name], [0, name]);
  });

  test("a topic that is created again is empty, has another id, and the old id leads nowhere", async () => {
    const old = await newTopic(wire, "again", { configs: { "retention.ms": "7777777" } });
    await produce(wire, old, batchOf("old", "older"));
    equal(await deleteTopic(wire, old.name), "NONE");
    await whenGone(old.name);
    equal((await produce(wire, old, batchOf("x"))).error, "UNKNOWN_TOPIC_OR_PARTITION");
    let created = await createTopic(wire, old.name);
    // Kafka's controller forgets at once, its broker later.
    while (target.isKafka && created.error === "TOPIC_ALREADY_EXISTS") created = await createTopic(wire, old.name);
    equal(created.error, "NONE");
    notEqual(created.topicId, old.topicId);
    await whenLed(wire, old.name, 1);
    const fresh = { name: old.name, topicId: created.topicId };
    equal((await offsetAt(wire, old.name, 0, LATEST)).offset, 0);
    equal((await configsOf(old.name)).get("retention.ms")?.value, "604800000");
    equal((await produce(wire, old, batchOf("lost"), { version: 13 })).error, "UNKNOWN_TOPIC_ID");
    equal((await fetch(wire, old, 0, { version: 13 })).error, "UNKNOWN_TOPIC_ID");
    equal((await produce(wire, fresh, batchOf("new"), { version: 13 })).baseOffset, 0);
    deepEqual(
      (await storedRecords(wire, fresh)).map((record) => String(record.value)),
      ["new"],
    );
  });

  test("a fetch that waits is answered when its topic goes", async () => {
    const topic = await newTopic(wire, "waiting");
    const other = await Wire.connect(target);
    const waiting = fetch(other, topic, 0, { maxWaitMs: 8_000, version: 17 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    equal(await deleteTopic(wire, topic.name), "NONE");
    const { error } = await waiting;
    ok(["UNKNOWN_TOPIC_ID", "UNKNOWN_TOPIC_OR_PARTITION", "NOT_LEADER_OR_FOLLOWER", "NONE"].includes(error), error);
    other.close();
  });
});

describe("CreatePartitions", () => {
  const grow = async (name: string, count: number, validateOnly = false): Promise<string> => {
    const body = { topics: [{ name, count, assignments: null }], timeoutMs: 5_000, validateOnly };
    return errorInfo(only((await wire.ask(API.createPartitions, 3, body)).results).errorCode).name;
  };

  test("more is fine, as many or fewer is INVALID_PARTITIONS", async () => {
    const topic = await newTopic(wire, "grow", { partitions: 2 });
    await produce(wire, topic, batchOf("kept"), { partition: 1 });
    equal(await grow(topic.name, 2), "INVALID_PARTITIONS");
    equal(await grow(topic.name, 1), "INVALID_PARTITIONS");
    equal(await grow(topic.name, 5, true), "NONE");
    equal((await metadata(topic.name)).topic?.partitions.length, 2, "validated only");
    equal(await grow(topic.name, 5), "NONE");
    await whenLed(wire, topic.name, 5);
    deepEqual((await metadata(topic.name)).topic?.partitions.map((one) => one.partitionIndex).sort(), [0, 1, 2, 3, 4]);
    deepEqual(
      (await storedRecords(wire, topic, 1)).map((record) => String(record.value)),
      ["kept"],
    );
    equal((await produce(wire, topic, batchOf("new"), { partition: 4 })).baseOffset, 0);
  });

  test("of an unknown topic is UNKNOWN_TOPIC_OR_PARTITION", async () => {
    equal(await grow(freshName("never"), 5), "UNKNOWN_TOPIC_OR_PARTITION");
  });
});

describe("DescribeConfigs and IncrementalAlterConfigs", () => {
  test("set, delete, append and subtract", async () => {
    const { name } = await newTopic(wire, "options", { configs: { "retention.ms": "1111111" } });
    const value = async (option: string) => (await configsOf(name)).get(option)?.value;
    equal(await alter(name, [option("retention.ms", SET, "2222222"), option("max.message.bytes", SET, "5000")]), "NONE");
    deepEqual([await value("retention.ms"), await value("max.message.bytes")], ["2222222", "5000"]);
    equal(await alter(name, [option("retention.ms", DELETE, null)]), "NONE");
    equal(await value("retention.ms"), "604800000");
    equal(await alter(name, [option("cleanup.policy", APPEND, "compact")]), "NONE");
    equal(await value("cleanup.policy"), "delete,compact");
    equal(await alter(name, [option("cleanup.policy", SUBTRACT, "delete")]), "NONE");
    equal(await value("cleanup.policy"), "compact");
    equal(await alter(name, [option("retention.ms", SET, "3333333")], true), "NONE");
    equal(await value("retention.ms"), "604800000", "validated only");
  });

  for (const [text, operation, error] of [
    ["an unknown option", option("no.such", SET, "1"), "INVALID_CONFIG"],
    ["a value that does not fit", option("retention.ms", SET, "x"), "INVALID_CONFIG"],
    ["append to what is no list", option("retention.ms", APPEND, "1"), "INVALID_CONFIG"],
    ["set to null", option("retention.ms", SET, null), "INVALID_REQUEST"],
  ] as const) {
    test(`${text} is ${error}, and the other changes are not made either`, async () => {
      const { name } = await newTopic(wire, "unchanged");
      equal(await alter(name, [option("segment.bytes", SET, "99999999"), operation]), error);
      notEqual((await configsOf(name)).get("segment.bytes")?.value, "99999999");
    });
  }

  test("an unknown operation is refused", async () => {
    const { name } = await newTopic(wire, "operation");
    equal(await alter(name, [option("retention.ms", 9, "1")]), target.isKafka ? "UNKNOWN_SERVER_ERROR" : "INVALID_REQUEST");
  });

  test("an option twice is INVALID_REQUEST", async () => {
    const { name } = await newTopic(wire, "twice");
    equal(await alter(name, [option("retention.ms", SET, "1"), option("retention.ms", DELETE, null)]), "INVALID_REQUEST");
  });

  test("of an unknown topic is UNKNOWN_TOPIC_OR_PARTITION", async () => {
    const name = freshName("never");
    equal(await alter(name, [option("retention.ms", SET, "1")]), "UNKNOWN_TOPIC_OR_PARTITION");
    equal((await describeConfigs(TOPIC, name)).error, "UNKNOWN_TOPIC_OR_PARTITION");
  });

  test("some options by name, with source, synonyms, type and text", async () => {
    const { name } = await newTopic(wire, "described", { configs: { "retention.ms": "1234567" } });
    const { configs } = await describeConfigs(TOPIC, name, ["retention.ms", "cleanup.policy"]);
    deepEqual(configs.map((one) => one.name).sort(), ["cleanup.policy", "retention.ms"]);
    const retention = configs.find((one) => one.name === "retention.ms");
    deepEqual([retention?.value, retention?.configSource, retention?.configType, retention?.readOnly], ["1234567", 1, 5, false]);
    deepEqual(retention?.synonyms[0], { name: "retention.ms", value: "1234567", source: 1 });
    ok((retention?.documentation ?? "").length > 20);
    equal(configs.find((one) => one.name === "cleanup.policy")?.configSource, 5);
  });

  test("a broker describes itself; another, and a resource type that there is not, are INVALID_REQUEST", async () => {
    const { brokers } = await wire.ask(API.metadata, 12, { topics: [] });
    const own = await describeConfigs(BROKER, String(only(brokers).nodeId));
    equal(own.error, "NONE");
    ok(own.configs.some((one) => one.name === "message.max.bytes" && one.value === "1048588"));
    equal((await describeConfigs(BROKER, "4711")).error, "INVALID_REQUEST");
    equal((await describeConfigs(99, "x")).error, "INVALID_REQUEST");
  });
});

test("the first offset of a topic is 0 and so is its end", async () => {
  const { name } = await newTopic(wire, "empty");
  deepEqual([(await offsetAt(wire, name, 0, EARLIEST)).offset, (await offsetAt(wire, name, 0, LATEST)).offset], [0, 0]);
});

function batchOf(...values: readonly string[]): Uint8Array {
  return buildBatch(values.map((value) => ({ timestampMs: Date.now(), value: Buffer.from(value) })));
}

function kafkaSkip(reason: string): string | false {
  return (process.env["TARGET"] ?? "").startsWith("kafka") && reason;
}

function config(name: string, value: string | null) {
  return { name, value };
}

function option(name: string, configOperation: number, value: string | null) {
  return { name, configOperation, value };
}

type Asked = Readonly<{
  name: string;
  numPartitions?: number;
  replicationFactor?: number;
  assignments?: readonly Readonly<{ partitionIndex: number; brokerIds: readonly number[] }>[];
  configs?: readonly Readonly<{ name: string; value: string | null }>[];
}>;

async function ask(topic: Asked) {
  const whole = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...topic };
  return only((await wire.ask(API.createTopics, 7, { topics: [whole], timeoutMs: 5_000 })).topics);
}

async function metadata(name: string, allowAutoTopicCreation = false) {
  const { topics } = await wire.ask(API.metadata, 12, { topics: [{ topicId: ZERO_UUID, name }], allowAutoTopicCreation });
  const topic = topics.find((one) => one.name === name);
  return { error: errorInfo(only(topics).errorCode).name, topic };
}

async function whenGone(name: string): Promise<void> {
  const giveUpAtMs = Date.now() + GONE_MS_MAX;
  while ((await metadata(name)).error === "NONE") ok(Date.now() < giveUpAtMs, "the topic does not go");
}

async function describeConfigs(resourceType: number, resourceName: string, configurationKeys: readonly string[] | null = null) {
  const resources = [{ resourceType, resourceName, configurationKeys }];
  const body = { resources, includeSynonyms: true, includeDocumentation: true };
  const result = only((await wire.ask(API.describeConfigs, 4, body)).results);
  return { error: errorInfo(result.errorCode).name, configs: result.configs };
}

/** Kafka's broker learns of changes a little later than it says so: asks until two answers agree. */
async function configsOf(name: string): Promise<Map<string, { readonly value: string | null }>> {
  if (target.isKafka) await new Promise((resolve) => setTimeout(resolve, 100));
  const { error, configs } = await describeConfigs(TOPIC, name);
  equal(error, "NONE");
  return new Map(configs.map((one) => [one.name, one]));
}

async function alter(name: string, configs: readonly ReturnType<typeof option>[], validateOnly = false): Promise<string> {
  const resources = [{ resourceType: TOPIC, resourceName: name, configs }];
  return errorInfo(only((await wire.ask(API.incrementalAlterConfigs, 1, { resources, validateOnly })).responses).errorCode).name;
}
