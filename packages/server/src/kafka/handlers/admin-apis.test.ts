import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { beforeEach, describe, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { listOffsetsRequest, listOffsetsResponse } from "@tidemq/protocol/messages/02-list-offsets.ts";
import { metadataRequest, metadataResponse } from "@tidemq/protocol/messages/03-metadata.ts";
import { apiVersionsRequest, apiVersionsResponse } from "@tidemq/protocol/messages/18-api-versions.ts";
import { createTopicsRequest, createTopicsResponse } from "@tidemq/protocol/messages/19-create-topics.ts";
import { deleteTopicsRequest, deleteTopicsResponse } from "@tidemq/protocol/messages/20-delete-topics.ts";
import { initProducerIdRequest, initProducerIdResponse } from "@tidemq/protocol/messages/22-init-producer-id.ts";
import { offsetForLeaderEpochRequest, offsetForLeaderEpochResponse } from "@tidemq/protocol/messages/23-offset-for-leader-epoch.ts";
import { describeConfigsRequest, describeConfigsResponse } from "@tidemq/protocol/messages/32-describe-configs.ts";
import { createPartitionsRequest, createPartitionsResponse } from "@tidemq/protocol/messages/37-create-partitions.ts";
import { incrementalAlterConfigsRequest, incrementalAlterConfigsResponse } from "@tidemq/protocol/messages/44-incremental-alter-configs.ts";
import { describeClusterRequest, describeClusterResponse } from "@tidemq/protocol/messages/60-describe-cluster.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { type KafkaClient, KafkaFixture } from "../../testing/kafka-fixture.ts";

const API = {
  listOffsets: { request: listOffsetsRequest, response: listOffsetsResponse },
  metadata: { request: metadataRequest, response: metadataResponse },
  apiVersions: { request: apiVersionsRequest, response: apiVersionsResponse },
  createTopics: { request: createTopicsRequest, response: createTopicsResponse },
  deleteTopics: { request: deleteTopicsRequest, response: deleteTopicsResponse },
  initProducerId: { request: initProducerIdRequest, response: initProducerIdResponse },
  offsetForLeaderEpoch: { request: offsetForLeaderEpochRequest, response: offsetForLeaderEpochResponse },
  describeConfigs: { request: describeConfigsRequest, response: describeConfigsResponse },
  createPartitions: { request: createPartitionsRequest, response: createPartitionsResponse },
  alterConfigs: { request: incrementalAlterConfigsRequest, response: incrementalAlterConfigsResponse },
  describeCluster: { request: describeClusterRequest, response: describeClusterResponse },
};

const TOPIC = 2;
const BROKER = 4;
const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

let fixture: KafkaFixture;
let client: KafkaClient;

beforeEach(async () => {
  fixture = await KafkaFixture.open();
  client = fixture.connect();
});

function* versionsOf({ versions }: Readonly<{ versions: Readonly<{ min: number; max: number }> }>): Iterable<number> {
  for (let version = versions.min; version <= versions.max; version += 1) yield version;
}

function append(topic: string, timestamps: readonly number[]): void {
  const bytes = Buffer.from(buildBatch(timestamps.map((timestampMs) => ({ timestampMs, value: Buffer.from("v") }))));
  equal(fixture.partition(topic).append(bytes, 0, bytes.byteLength, undefined).code, undefined);
  fixture.sync();
}

describe("ApiVersions", () => {
  test("lists what is served, Produce from 0", async () => {
    for (const version of versionsOf(apiVersionsRequest)) {
      const answer = await client.ask(API.apiVersions, version, { clientSoftwareName: "a-b.c", clientSoftwareVersion: "1.0" });
      equal(answer.errorCode, 0);
      const ranges = Object.fromEntries(answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]));
      deepEqual(
        Object.keys(ranges).map(Number),
        [
          0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 29, 30, 31, 32, 33, 35, 37, 42, 43, 44, 45, 46, 47, 60, 61,
          68, 69, 71, 72, 74, 75,
        ],
      );
      deepEqual(
        [ranges[0], ranges[1], ranges[10]],
        [
          [0, 13],
          [4, 18],
          [0, 6],
        ],
      );
    }
  });

  test("names of software that are none", async () => {
    equal(
      (await client.ask(API.apiVersions, 3, { clientSoftwareName: "a b", clientSoftwareVersion: "1" })).errorCode,
      ErrorCode.INVALID_REQUEST,
    );
    equal(
      (await client.ask(API.apiVersions, 3, { clientSoftwareName: "", clientSoftwareVersion: "1" })).errorCode,
      ErrorCode.INVALID_REQUEST,
    );
  });

  test("a version of the future is answered in the form of version 0, with the list", () => {
    client.socket.deliver(Buffer.from("0000001300120063000000070004746573740000000000", "hex"));
    fixture.clock.turns();
    const answer = client.answer(apiVersionsResponse, 0);
    equal(answer?.errorCode, ErrorCode.UNSUPPORTED_VERSION);
    ok(answer?.apiKeys.some(({ apiKey, maxVersion }) => apiKey === 18 && maxVersion === 4));
    equal(client.socket.isDestroyed, false);
  });
});

describe("versions that are not served end the connection", () => {
  for (const [apiKey, version] of [
    [0, 2],
    [1, 3],
    [3, 14],
    [3, -1],
    [18, -1],
  ]) {
    test(`${apiKey} version ${version}`, () => {
      const frame = Buffer.alloc(14);
      frame.writeInt32BE(10, 0);
      frame.writeInt16BE(apiKey ?? 0, 4);
      frame.writeInt16BE(version ?? 0, 6);
      frame.writeInt16BE(-1, 12);
      client.socket.deliver(frame);
      equal(client.socket.isDestroyed, true);
      equal(fixture.log.visible.length, 1);
    });
  }
});

describe("Metadata", () => {
  test("all topics, in every version", async () => {
    const ids = [await fixture.createTopic("a", 2), await fixture.createTopic("b", 1)];
    for (const version of versionsOf(metadataRequest)) {
      const answer = await client.ask(API.metadata, version, { topics: version === 0 ? [] : null });
      deepEqual(answer.brokers, [{ nodeId: 1, host: "10.0.0.1", port: 9092, rack: null }]);
      deepEqual([answer.clusterId, answer.controllerId], [version >= 2 ? "test-cluster" : null, version >= 1 ? 1 : -1]);
      deepEqual(
        answer.topics.map(({ name, errorCode, topicId, partitions }) => [name, errorCode, topicId, partitions.length]),
        [
          ["a", 0, version >= 10 ? ids[0] : ZERO_UUID, 2],
          ["b", 0, version >= 10 ? ids[1] : ZERO_UUID, 1],
        ],
      );
      const [partition] = answer.topics[0]?.partitions ?? [];
      deepEqual([partition?.leaderId, partition?.replicaNodes, partition?.isrNodes, partition?.offlineReplicas], [1, [1], [1], []]);
    }
  });

  test("an empty list asks for none from version 1 on", async () => {
    await fixture.createTopic("a");
    deepEqual((await client.ask(API.metadata, 1, { topics: [] })).topics, []);
  });

  test("by id; an id and a name that are not known", async () => {
    const topicId = await fixture.createTopic("a");
    const topics = [{ name: null, topicId }, { name: null, topicId: UNKNOWN_ID }, { name: "nothing" }];
    const answer = await client.ask(API.metadata, 12, { topics, allowAutoTopicCreation: false });
    deepEqual(
      answer.topics.map(({ name, topicId: id, errorCode }) => [name, id, errorCode]),
      [
        ["a", topicId, 0],
        [null, UNKNOWN_ID, ErrorCode.UNKNOWN_TOPIC_ID],
        ["nothing", ZERO_UUID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ],
    );
  });

  test("creates what is missing when both sides allow it, and answers it like any other", async () => {
    const answer = await client.ask(API.metadata, 12, { topics: [{ name: "new" }], allowAutoTopicCreation: true });
    deepEqual(
      answer.topics.map(({ name, errorCode, partitions }) => [name, errorCode, partitions.length]),
      [["new", 0, 2]],
    );
    const bad = await client.ask(API.metadata, 12, { topics: [{ name: "no/name" }, { name: "." }] });
    deepEqual(
      bad.topics.map(({ errorCode }) => errorCode),
      [ErrorCode.INVALID_TOPIC_EXCEPTION, ErrorCode.INVALID_TOPIC_EXCEPTION],
    );
    const strict = await KafkaFixture.open({ autoCreateTopics: false });
    const refused = await strict.connect().ask(API.metadata, 12, { topics: [{ name: "new" }] });
    deepEqual(
      refused.topics.map(({ errorCode }) => errorCode),
      [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    );
    equal(strict.controller.state.topicsByName.size, 0);
  });

  test("two clients that make the same topic come into being both get it", async () => {
    const other = fixture.connect();
    for (const each of [client, other]) each.send(metadataRequest, 12, { topics: [{ name: "new" }] });
    await fixture.settle(fixture.controller.createTopics([], false));
    for (const each of [client, other]) {
      let answer = each.answer(metadataResponse, 12);
      for (let i = 0; i < 50 && answer === undefined; i += 1) {
        await fixture.settle(Promise.resolve());
        fixture.clock.advance(0);
        answer = each.answer(metadataResponse, 12);
      }
      deepEqual(
        answer?.topics.map(({ errorCode }) => errorCode),
        [0],
      );
    }
  });

  test("the advertised address, when there is one", async () => {
    const named = await KafkaFixture.open({ advertise: { host: "kafka.example", port: 19092 } });
    const answer = await named.connect().ask(API.metadata, 12, { topics: null });
    deepEqual(
      answer.brokers.map(({ host, port }) => [host, port]),
      [["kafka.example", 19092]],
    );
  });

  test("operations, for who asks", async () => {
    await fixture.createTopic("a");
    const asked = { topics: null, includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true };
    const answer = await client.ask(API.metadata, 9, asked);
    deepEqual([answer.topics[0]?.topicAuthorizedOperations, answer.clusterAuthorizedOperations], [3576, 8096]);
    equal((await client.ask(API.metadata, 12, { topics: null })).topics[0]?.topicAuthorizedOperations, -2147483648);
  });

  test("a topic nobody leads is not listed, and is LEADER_NOT_AVAILABLE when asked for", async () => {
    await fixture.createTopic("a");
    for (const partition of fixture.controller.state.partitions.values()) partition.leader = -1;
    deepEqual((await client.ask(API.metadata, 12, { topics: null })).topics, []);
    const asked = await client.ask(API.metadata, 12, { topics: [{ name: "a" }] });
    deepEqual(
      asked.topics.map(({ errorCode }) => errorCode),
      [ErrorCode.LEADER_NOT_AVAILABLE],
    );
  });
});

describe("topics", () => {
  const wanted = (name: string, more = {}) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more });

  test("are created, described as they became, in every version", async () => {
    for (const version of versionsOf(createTopicsRequest)) {
      const name = `t${version}`;
      const answer = await client.ask(API.createTopics, version, {
        topics: [wanted(name, { numPartitions: 3, configs: [{ name: "retention.ms", value: "1000" }] })],
        timeoutMs: 1000,
      });
      const [topic] = answer.topics;
      deepEqual([topic?.errorCode, topic?.errorMessage], [0, null]);
      if (version >= 5) {
        deepEqual([topic?.numPartitions, topic?.replicationFactor], [3, 1]);
        const retention = topic?.configs?.find((config) => config.name === "retention.ms");
        deepEqual([retention?.value, retention?.configSource], ["1000", 1]);
      }
      equal(topic?.topicId === ZERO_UUID, version < 7);
      equal(fixture.controller.state.topicsByName.get(name)?.partitions.length, 3);
    }
  });

  test("each fails by itself", async () => {
    await fixture.createTopic("there");
    const answer = await client.ask(API.createTopics, 7, {
      topics: [
        wanted("fine"),
        wanted("there"),
        wanted("bad name"),
        wanted("many", { replicationFactor: 3 }),
        wanted("none", { numPartitions: 0 }),
        wanted("option", { configs: [{ name: "no.such", value: "1" }] }),
        wanted("value", { configs: [{ name: "retention.ms", value: "x" }] }),
        wanted("twice"),
        wanted("twice"),
      ],
      timeoutMs: 1000,
    });
    deepEqual(
      answer.topics.map(({ name, errorCode }) => [name, errorCode]),
      [
        ["fine", 0],
        ["there", ErrorCode.TOPIC_ALREADY_EXISTS],
        ["bad name", ErrorCode.INVALID_TOPIC_EXCEPTION],
        ["many", ErrorCode.INVALID_REPLICATION_FACTOR],
        ["none", ErrorCode.INVALID_PARTITIONS],
        ["option", ErrorCode.INVALID_CONFIG],
        ["value", ErrorCode.INVALID_CONFIG],
        ["twice", ErrorCode.INVALID_REQUEST],
      ],
    );
    for (const { errorCode, errorMessage } of answer.topics) equal(errorMessage === null, errorCode === 0);
  });

  test("validated only, nothing comes of it", async () => {
    const answer = await client.ask(API.createTopics, 7, { topics: [wanted("a")], timeoutMs: 1, validateOnly: true });
    equal(answer.topics[0]?.errorCode, 0);
    equal(fixture.controller.state.topicsByName.size, 0);
  });

  test("are deleted by name and by id", async () => {
    const id = await fixture.createTopic("a");
    await fixture.createTopic("b");
    const { responses } = await client.ask(API.deleteTopics, 6, {
      topics: [
        { name: null, topicId: id },
        { name: "b", topicId: ZERO_UUID },
        { name: "c", topicId: ZERO_UUID },
        { name: null, topicId: UNKNOWN_ID },
      ],
      timeoutMs: 1,
    });
    deepEqual(
      responses.map(({ name, errorCode }) => [name, errorCode]),
      [
        ["a", 0],
        ["b", 0],
        ["c", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        [null, ErrorCode.UNKNOWN_TOPIC_ID],
      ],
    );
    equal(fixture.controller.state.topicsByName.size, 0);
    equal(fixture.partitions.count, 0);
    for (const version of [1, 2, 3, 4, 5]) {
      await fixture.createTopic("d");
      const answer = await client.ask(API.deleteTopics, version, { topicNames: ["d", "e"], timeoutMs: 1 });
      deepEqual(
        answer.responses.map(({ name, errorCode }) => [name, errorCode]),
        [
          ["d", 0],
          ["e", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        ],
      );
    }
  });

  test("deleting what is not named well", async () => {
    const id = await fixture.createTopic("a");
    const { responses } = await client.ask(API.deleteTopics, 6, {
      topics: [
        { name: null, topicId: ZERO_UUID },
        { name: "a", topicId: id },
        { name: "b", topicId: ZERO_UUID },
        { name: "b", topicId: ZERO_UUID },
      ],
      timeoutMs: 1,
    });
    deepEqual(
      responses.map(({ errorCode }) => errorCode),
      Array(4).fill(ErrorCode.INVALID_REQUEST),
    );
    equal(fixture.controller.state.topicsByName.size, 1);
  });

  test("grow", async () => {
    await fixture.createTopic("a");
    const ask = (version: number, count: number, name = "a") =>
      client.ask(API.createPartitions, version, { topics: [{ name, count, assignments: null }], timeoutMs: 1, validateOnly: false });
    for (const version of versionsOf(createPartitionsRequest)) equal((await ask(version, version + 2)).results[0]?.errorCode, 0);
    equal((await ask(3, 5)).results[0]?.errorCode, ErrorCode.INVALID_PARTITIONS);
    equal((await ask(3, 1)).results[0]?.errorCode, ErrorCode.INVALID_PARTITIONS);
    equal((await ask(3, 9, "b")).results[0]?.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    equal(fixture.partition("a", 4).identity.index, 4);
  });
});

describe("options", () => {
  const resource = (resourceType: number, resourceName: string, configurationKeys: readonly string[] | null = null) => ({
    resources: [{ resourceType, resourceName, configurationKeys }],
  });
  const change = (name: string, configOperation: number, value: string | null) => ({
    resources: [{ resourceType: TOPIC, resourceName: "a", configs: [{ name, configOperation, value }] }],
    validateOnly: false,
  });

  beforeEach(() => fixture.createTopic("a", 1, { "retention.ms": "5000" }));

  test("of a topic, in every version", async () => {
    for (const version of versionsOf(describeConfigsRequest)) {
      const { results } = await client.ask(API.describeConfigs, version, {
        ...resource(TOPIC, "a"),
        includeSynonyms: true,
        includeDocumentation: version >= 3,
      });
      const configs = results[0]?.configs ?? [];
      ok(configs.length > 25);
      const retention = configs.find(({ name }) => name === "retention.ms");
      deepEqual([retention?.value, retention?.configSource, retention?.readOnly], ["5000", 1, false]);
      deepEqual(
        retention?.synonyms.map(({ source }) => source),
        [1, 5],
      );
      equal((retention?.documentation ?? "").length > 0, version >= 3);
      equal(retention?.configType, version >= 3 ? 5 : 0);
    }
  });

  test("only those asked for; unknown ones are left out", async () => {
    const { results } = await client.ask(API.describeConfigs, 4, resource(TOPIC, "a", ["segment.bytes", "no.such"]));
    deepEqual(
      results[0]?.configs.map(({ name, synonyms, documentation }) => [name, synonyms, documentation]),
      [["segment.bytes", [], null]],
    );
  });

  test("of the broker, of others, of other things", async () => {
    const mine = await client.ask(API.describeConfigs, 4, resource(BROKER, "1"));
    deepEqual(
      mine.results[0]?.configs.map(({ name, value, readOnly, configSource }) => [name, value, readOnly, configSource]),
      [
        ["max.connections", "10000", false, 5],
        ["node.id", "1", true, 4],
        ["num.partitions", "1", true, 5],
      ],
    );
    for (const [type, name, code] of [
      [BROKER, "2", ErrorCode.INVALID_REQUEST],
      [BROKER, "", 0],
      [TOPIC, "b", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [77, "x", ErrorCode.INVALID_REQUEST],
    ] as const) {
      equal((await client.ask(API.describeConfigs, 4, resource(type, name))).results[0]?.errorCode, code);
    }
  });

  test("are set, unset, appended to, subtracted from, and act at once", async () => {
    const alter = async (body: ReturnType<typeof change>, version = 1) =>
      (await client.ask(API.alterConfigs, version, body)).responses[0]?.errorCode;
    for (const version of versionsOf(incrementalAlterConfigsRequest))
      equal(await alter(change("max.message.bytes", 0, `${2000 + version}`), version), 0);
    equal(fixture.partition("a").settings.messageBytesMax, 2001);
    equal(await alter(change("max.message.bytes", 1, null)), 0);
    equal(fixture.partition("a").settings.messageBytesMax, 1048588);
    equal(await alter(change("cleanup.policy", 2, "compact")), 0);
    equal(fixture.controller.state.topicsByName.get("a")?.configs.get("cleanup.policy"), "delete,compact");
    equal(await alter(change("cleanup.policy", 3, "delete")), 0);
    equal(fixture.controller.state.topicsByName.get("a")?.configs.get("cleanup.policy"), "compact");
  });

  test("are refused as a whole", async () => {
    const alter = async (body: ReturnType<typeof change>) =>
      (await client.ask(API.alterConfigs, 1, body)).responses.map(({ errorCode }) => errorCode);
    deepEqual(await alter(change("no.such", 0, "1")), [ErrorCode.INVALID_CONFIG]);
    deepEqual(await alter(change("retention.ms", 0, "soon")), [ErrorCode.INVALID_CONFIG]);
    deepEqual(await alter(change("retention.ms", 2, "1")), [ErrorCode.INVALID_CONFIG]);
    deepEqual(await alter(change("retention.ms", 9, "1")), [ErrorCode.INVALID_REQUEST]);
    deepEqual(await alter(change("retention.ms", 0, null)), [ErrorCode.INVALID_REQUEST]);
    const [one] = change("retention.ms", 0, "1").resources;
    deepEqual(await alter({ resources: [one, one] as (typeof one & {})[], validateOnly: false }), [
      ErrorCode.INVALID_REQUEST,
      ErrorCode.INVALID_REQUEST,
    ]);
    deepEqual(await alter({ ...change("retention.ms", 0, "1"), validateOnly: true }), [0]);
    const broker = [{ resourceType: BROKER, resourceName: "2", configs: [] }];
    deepEqual(await alter({ resources: broker, validateOnly: false }), [ErrorCode.INVALID_REQUEST]);
    equal(fixture.controller.state.topicsByName.get("a")?.configs.get("retention.ms"), "5000");
  });
});

describe("offsets", () => {
  const ask = (timestamp: number, version = 11, more = {}) =>
    client.ask(API.listOffsets, version, {
      replicaId: -1,
      topics: [{ name: "a", partitions: [{ partitionIndex: 0, timestamp, ...more }] }],
    });
  const offsetAt = async (timestamp: number, version = 11, more = {}) => {
    const [partition] = (await ask(timestamp, version, more)).topics[0]?.partitions ?? [];
    return [partition?.errorCode, partition?.offset, partition?.timestamp];
  };

  beforeEach(async () => {
    await fixture.createTopic("a");
    append("a", [1000, 3000]);
    append("a", [2000, 5000, 4000]);
  });

  test("earliest, latest, by time, in every version", async () => {
    for (const version of versionsOf(listOffsetsRequest)) {
      deepEqual(await offsetAt(-2, version), [0, 0, -1]);
      deepEqual(await offsetAt(-1, version), [0, 5, -1]);
      deepEqual(await offsetAt(1000, version), [0, 0, 1000]);
      deepEqual(await offsetAt(1001, version), [0, 1, 3000]);
      deepEqual(await offsetAt(3001, version), [0, 3, 5000]);
      deepEqual(await offsetAt(5001, version), [0, -1, -1]);
      const [partition] = (await ask(1000, version)).topics[0]?.partitions ?? [];
      equal(partition?.leaderEpoch, version >= 4 ? fixture.partition("a").leaderEpoch : -1);
    }
  });

  test("the largest timestamp, and what the tiers have", async () => {
    deepEqual(await offsetAt(-3), [0, 3, 5000]);
    deepEqual(await offsetAt(-5), [0, -1, -1]);
    deepEqual(await offsetAt(-6), [0, 0, -1]);
    for (const [timestamp, since] of [
      [-3, 7],
      [-4, 8],
      [-5, 9],
      [-6, 11],
    ] as const) {
      deepEqual(await offsetAt(timestamp, since - 1), [ErrorCode.UNSUPPORTED_VERSION, -1, -1]);
      equal((await offsetAt(timestamp, since))[0], 0);
    }
    deepEqual(await offsetAt(-99), [ErrorCode.UNSUPPORTED_VERSION, -1, -1]);
  });

  test("what is not durable is not there", async () => {
    const bytes = Buffer.from(buildBatch([{ timestampMs: 9000, value: null }]));
    fixture.partition("a").append(bytes, 0, bytes.byteLength, undefined);
    deepEqual(await offsetAt(-1), [0, 5, -1]);
    deepEqual(await offsetAt(9000), [0, -1, -1]);
  });

  test("errors", async () => {
    deepEqual(await offsetAt(-1, 11, { currentLeaderEpoch: 77 }), [ErrorCode.UNKNOWN_LEADER_EPOCH, -1, -1]);
    const partitions = [0, 0, 9].map((partitionIndex) => ({ partitionIndex, timestamp: -1 }));
    const answer = await client.ask(API.listOffsets, 11, {
      replicaId: -1,
      topics: [
        { name: "a", partitions },
        { name: "b", partitions: [{ partitionIndex: 0, timestamp: 5 }] },
      ],
    });
    deepEqual(
      answer.topics.flatMap((topic) => topic.partitions.map(({ errorCode, offset }) => [errorCode, offset])),
      [
        [ErrorCode.INVALID_REQUEST, -1],
        [ErrorCode.INVALID_REQUEST, -1],
        [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
        [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
      ],
    );
  });

  test("the end of a leader epoch", async () => {
    const { leaderEpoch } = fixture.partition("a");
    const ask4 = async (epoch: number, currentLeaderEpoch = -1, version = 4) => {
      const topics = [{ topic: "a", partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch: epoch }] }];
      const answer = await client.ask(API.offsetForLeaderEpoch, version, { topics });
      const [partition] = answer.topics[0]?.partitions ?? [];
      return [partition?.errorCode, partition?.leaderEpoch, partition?.endOffset];
    };
    for (const version of versionsOf(offsetForLeaderEpochRequest)) deepEqual(await ask4(leaderEpoch, -1, version), [0, leaderEpoch, 5]);
    deepEqual(await ask4(leaderEpoch + 1), [0, -1, -1]);
    deepEqual(await ask4(-1), [0, -1, -1]);
    deepEqual(await ask4(0, leaderEpoch + 1), [ErrorCode.UNKNOWN_LEADER_EPOCH, -1, -1]);
  });
});

describe("InitProducerId", () => {
  test("new ids, never the same", async () => {
    const seen = new Set<number>();
    for (let i = 0; i < 3; i += 1) {
      for (const version of versionsOf(initProducerIdRequest)) {
        const answer = await client.ask(API.initProducerId, version, { transactionalId: null, transactionTimeoutMs: 1 });
        deepEqual([answer.errorCode, answer.producerEpoch], [0, 0]);
        seen.add(answer.producerId);
      }
    }
    equal(seen.size, 18);
  });

  test("transactions are not implemented, and it says so", async () => {
    for (const [transactionalId, code] of [
      ["t", ErrorCode.UNSUPPORTED_VERSION],
      ["", ErrorCode.INVALID_REQUEST],
    ] as const) {
      const answer = await client.ask(API.initProducerId, 5, { transactionalId, transactionTimeoutMs: 1 });
      deepEqual([answer.errorCode, answer.producerId], [code, -1]);
    }
  });
});

test("DescribeCluster", async () => {
  for (const version of versionsOf(describeClusterRequest)) {
    const answer = await client.ask(API.describeCluster, version, { includeClusterAuthorizedOperations: true });
    deepEqual([answer.errorCode, answer.clusterId, answer.controllerId, answer.clusterAuthorizedOperations], [0, "test-cluster", 1, 8096]);
    deepEqual(
      answer.brokers.map(({ brokerId, host, port }) => [brokerId, host, port]),
      [[1, "10.0.0.1", 9092]],
    );
  }
  const ask = async (endpointType: number) =>
    (await client.ask(API.describeCluster, 1, { includeClusterAuthorizedOperations: false, endpointType })).errorCode;
  deepEqual([await ask(2), await ask(9)], [ErrorCode.MISMATCHED_ENDPOINT_TYPE, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE]);
});

describe("the answer with all topics is kept, and", () => {
  const names = async (more = {}) => {
    const answer = await client.ask(API.metadata, 12, { topics: null, ...more });
    return answer.topics.map(({ name, partitions, topicAuthorizedOperations }) => [name, partitions.length, topicAuthorizedOperations > 0]);
  };

  test("is made anew when topics come, grow and go", async () => {
    await fixture.createTopic("large", 1000);
    deepEqual(await names(), [["large", 1000, false]]);
    deepEqual(await names(), [["large", 1000, false]]);
    await fixture.createTopic("b");
    deepEqual(await names(), [
      ["large", 1000, false],
      ["b", 1, false],
    ]);
    await fixture.settle(fixture.controller.createPartitions([{ name: "b", count: 3, assignments: undefined }], false));
    deepEqual(await names(), [
      ["large", 1000, false],
      ["b", 3, false],
    ]);
    await fixture.settle(fixture.controller.deleteTopics([{ name: "large", topicId: undefined }]));
    deepEqual(await names(), [["b", 3, false]]);
  });

  test("is not given to who asks for something else", async () => {
    await fixture.createTopic("large", 1000);
    deepEqual(await names(), [["large", 1000, false]]);
    deepEqual(await names({ includeTopicAuthorizedOperations: true }), [["large", 1000, true]]);
    for (const version of versionsOf(metadataRequest)) {
      const answer = await client.ask(API.metadata, version, { topics: version === 0 ? [] : null });
      equal(answer.topics[0]?.partitions.length, 1000);
    }
  });
});
