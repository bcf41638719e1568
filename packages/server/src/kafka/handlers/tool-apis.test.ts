import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { beforeEach, describe, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { listOffsetsRequest, listOffsetsResponse } from "@tidemq/protocol/messages/02-list-offsets.ts";
import { deleteRecordsRequest, deleteRecordsResponse } from "@tidemq/protocol/messages/21-delete-records.ts";
import { describeAclsRequest, describeAclsResponse } from "@tidemq/protocol/messages/29-describe-acls.ts";
import { createAclsRequest, createAclsResponse } from "@tidemq/protocol/messages/30-create-acls.ts";
import { deleteAclsRequest, deleteAclsResponse } from "@tidemq/protocol/messages/31-delete-acls.ts";
import { alterConfigsRequest, alterConfigsResponse } from "@tidemq/protocol/messages/33-alter-configs.ts";
import { describeLogDirsRequest, describeLogDirsResponse } from "@tidemq/protocol/messages/35-describe-log-dirs.ts";
import { describeProducersRequest, describeProducersResponse } from "@tidemq/protocol/messages/61-describe-producers.ts";
import { listConfigResourcesRequest, listConfigResourcesResponse } from "@tidemq/protocol/messages/74-list-config-resources.ts";
import { describeTopicPartitionsRequest, describeTopicPartitionsResponse } from "@tidemq/protocol/messages/75-describe-topic-partitions.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { type KafkaClient, KafkaFixture } from "../../testing/kafka-fixture.ts";

const API = {
  listOffsets: { request: listOffsetsRequest, response: listOffsetsResponse },
  deleteRecords: { request: deleteRecordsRequest, response: deleteRecordsResponse },
  describeAcls: { request: describeAclsRequest, response: describeAclsResponse },
  createAcls: { request: createAclsRequest, response: createAclsResponse },
  deleteAcls: { request: deleteAclsRequest, response: deleteAclsResponse },
  alterConfigs: { request: alterConfigsRequest, response: alterConfigsResponse },
  describeLogDirs: { request: describeLogDirsRequest, response: describeLogDirsResponse },
  describeProducers: { request: describeProducersRequest, response: describeProducersResponse },
  listConfigResources: { request: listConfigResourcesRequest, response: listConfigResourcesResponse },
  describeTopicPartitions: { request: describeTopicPartitionsRequest, response: describeTopicPartitionsResponse },
};

const TOPIC = 2;
const BROKER = 4;
const FILTER = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
};
const CREATION = { resourceType: TOPIC, resourceName: "t", principal: "User:a", host: "*", operation: 3, permissionType: 3 };

let fixture: KafkaFixture;
let client: KafkaClient;

beforeEach(async () => {
  fixture = await KafkaFixture.open();
  client = fixture.connect();
});

test("permissions: there are none, and every version says so", async () => {
  for (const version of [1, 2, 3]) {
    equal((await client.ask(API.describeAcls, version, FILTER)).errorCode, ErrorCode.SECURITY_DISABLED);
    const created = await client.ask(API.createAcls, version, { creations: [CREATION, CREATION] });
    deepEqual(
      created.results.map(({ errorCode }) => errorCode),
      [ErrorCode.SECURITY_DISABLED, ErrorCode.SECURITY_DISABLED],
    );
    const deleted = await client.ask(API.deleteAcls, version, { filters: [FILTER] });
    deepEqual(
      deleted.filterResults.map(({ errorCode, matchingAcls }) => [errorCode, matchingAcls.length]),
      [[ErrorCode.SECURITY_DISABLED, 0]],
    );
  }
});

describe("AlterConfigs", () => {
  const configsOf = (topic: string) => Object.fromEntries(fixture.controller.state.topicsByName.get(topic)?.configs ?? []);
  const alter = async (version: number, configs: Readonly<Record<string, string>>, more = {}) => {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    const resource = { resourceType: TOPIC, resourceName: "t", configs: entries, ...more };
    return (await client.ask(API.alterConfigs, version, { resources: [resource], validateOnly: false })).responses[0]?.errorCode;
  };

  test("sets what is given and unsets everything else", async () => {
    await fixture.createTopic("t", 1, { "retention.ms": "1000", "segment.bytes": "2000000" });
    for (const version of [0, 1, 2]) {
      equal(await alter(version, { "retention.ms": `${version + 5000}` }), ErrorCode.NONE);
      deepEqual(configsOf("t"), { "retention.ms": `${version + 5000}` });
    }
    equal(await alter(2, {}), ErrorCode.NONE);
    deepEqual(configsOf("t"), {});
  });

  test("changes nothing when one option is wrong, or when it only validates", async () => {
    await fixture.createTopic("t", 1, { "retention.ms": "1000" });
    equal(await alter(2, { "retention.ms": "5", "no.such": "x" }), ErrorCode.INVALID_CONFIG);
    const resources = [{ resourceType: TOPIC, resourceName: "t", configs: [{ name: "retention.ms", value: "7" }] }];
    equal((await client.ask(API.alterConfigs, 2, { resources, validateOnly: true })).responses[0]?.errorCode, ErrorCode.NONE);
    deepEqual(configsOf("t"), { "retention.ms": "1000" });
  });

  test("refuses the same resource twice, other brokers, other kinds, topics that are not there", async () => {
    await fixture.createTopic("t");
    const resource = { resourceType: TOPIC, resourceName: "t", configs: [] };
    const { responses } = await client.ask(API.alterConfigs, 2, { resources: [resource, resource], validateOnly: false });
    deepEqual(
      responses.map(({ errorCode }) => errorCode),
      [ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST],
    );
    equal(await alter(2, {}, { resourceType: BROKER, resourceName: "2" }), ErrorCode.INVALID_REQUEST);
    equal(await alter(2, {}, { resourceType: 99 }), ErrorCode.INVALID_REQUEST);
    equal(await alter(2, {}, { resourceName: "gone" }), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });
});

test("DescribeLogDirs tells the size of each partition", async () => {
  await fixture.createTopic("a", 2);
  await fixture.createTopic("b");
  const bytes = Buffer.from(buildBatch([{ timestampMs: 1, value: Buffer.alloc(10_000) }]));
  equal(fixture.partition("b").append(bytes, 0, bytes.byteLength, undefined).code, undefined);
  fixture.sync();
  const size = fixture.partition("b").wal.bytesBetween(0, 1);
  for (const version of [1, 2, 3, 4, 5]) {
    const { results } = await client.ask(API.describeLogDirs, version, { topics: null });
    deepEqual(
      results.map(({ errorCode, logDir, topics }) => [errorCode, logDir, topics.map(({ name, partitions }) => [name, partitions.length])]),
      [
        [
          ErrorCode.NONE,
          "/data",
          [
            ["a", 2],
            ["b", 1],
          ],
        ],
      ],
    );
    equal(results[0]?.topics[1]?.partitions[0]?.partitionSize, size);
  }
  const topics = [
    { topic: "a", partitions: [1, 7] },
    { topic: "gone", partitions: [0] },
  ];
  const asked = (await client.ask(API.describeLogDirs, 4, { topics })).results[0]?.topics;
  deepEqual(
    asked?.map(({ name, partitions }) => [name, partitions.map(({ partitionIndex }) => partitionIndex)]),
    [["a", [1]]],
  );
});

test("DescribeProducers tells whom a partition remembers", async () => {
  await fixture.createTopic("t");
  const batch = buildBatch([{ timestampMs: 77, value: Buffer.from("v") }], { producerId: 5, producerEpoch: 2, baseSequence: 0 });
  equal(fixture.partition("t").append(Buffer.from(batch), 0, batch.byteLength, undefined).code, undefined);
  const answer = await client.ask(API.describeProducers, 0, { topics: [{ name: "t", partitionIndexes: [0, 1] }] });
  const [known, unknown] = answer.topics[0]?.partitions ?? [];
  const { activeProducers = [] } = known ?? {};
  deepEqual(
    activeProducers.map(({ producerId, producerEpoch, lastSequence, lastTimestamp, currentTxnStartOffset }) => [
      producerId,
      producerEpoch,
      lastSequence,
      lastTimestamp,
      currentTxnStartOffset,
    ]),
    [[5, 2, 0, 77, -1]],
  );
  equal(unknown?.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
});

test("ListConfigResources names topics and brokers", async () => {
  await fixture.createTopic("t");
  const list = async (version: number, resourceTypes: readonly number[]) => {
    const answer = await client.ask(API.listConfigResources, version, version === 0 ? {} : { resourceTypes });
    return [answer.errorCode, answer.configResources.map(({ resourceName, resourceType }) => [resourceName, resourceType])];
  };
  deepEqual(await list(0, []), [ErrorCode.NONE, []]);
  deepEqual(await list(1, []), [
    ErrorCode.NONE,
    [
      ["t", TOPIC],
      ["1", BROKER],
    ],
  ]);
  deepEqual(await list(1, [BROKER, 16]), [ErrorCode.NONE, [["1", BROKER]]]);
  deepEqual(await list(1, [3]), [ErrorCode.UNSUPPORTED_VERSION, []]);
});

describe("DescribeTopicPartitions", () => {
  const ask = async (names: readonly string[], limit: number, cursor: { topicName: string; partitionIndex: number } | null = null) => {
    const topics = names.map((name) => ({ name }));
    const answer = await client.ask(API.describeTopicPartitions, 0, { topics, responsePartitionLimit: limit, cursor });
    const pages = answer.topics.map(({ name, partitions }) => [name, partitions.map(({ partitionIndex }) => partitionIndex)]);
    return { pages, codes: answer.topics.map(({ errorCode }) => errorCode), next: answer.nextCursor };
  };

  test("goes through all topics page by page, in the order of their names", async () => {
    await fixture.createTopic("b", 3);
    await fixture.createTopic("a", 2);
    const first = await ask([], 3);
    deepEqual(first.pages, [
      ["a", [0, 1]],
      ["b", [0]],
    ]);
    deepEqual(first.next, { topicName: "b", partitionIndex: 1 });
    const second = await ask([], 3, first.next);
    deepEqual([second.pages, second.next], [[["b", [1, 2]]], null]);
    const exact = await ask([], 2);
    deepEqual([exact.pages, exact.next], [[["a", [0, 1]]], { topicName: "b", partitionIndex: 0 }]);
  });

  test("names leader and replicas, and what is not there", async () => {
    await fixture.createTopic("t");
    const answer = await client.ask(API.describeTopicPartitions, 0, { topics: [{ name: "t" }], responsePartitionLimit: 10, cursor: null });
    const [partition] = answer.topics[0]?.partitions ?? [];
    deepEqual([partition?.leaderId, partition?.replicaNodes, partition?.isrNodes], [1, [1], [1]]);
    const { pages, codes } = await ask(["t", "gone", "no name!"], 10);
    deepEqual(pages, [
      ["gone", []],
      ["no name!", []],
      ["t", [0]],
    ]);
    deepEqual(codes, [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.INVALID_TOPIC_EXCEPTION, ErrorCode.NONE]);
  });

  test("a cursor that is none is refused", async () => {
    const { codes } = await ask(["t"], 10, { topicName: "t", partitionIndex: -1 });
    deepEqual(codes, [ErrorCode.INVALID_REQUEST]);
  });
});

describe("DeleteRecords", () => {
  const append = (topic: string, count: number): void => {
    const records = Array.from({ length: count }, () => ({ timestampMs: 1, value: Buffer.from("v") }));
    const bytes = Buffer.from(buildBatch(records));
    equal(fixture.partition(topic).append(bytes, 0, bytes.byteLength, undefined).code, undefined);
    fixture.sync();
  };
  const deleteBelow = async (topic: string, offset: number, version = 2, partitionIndex = 0) => {
    const topics = [{ name: topic, partitions: [{ partitionIndex, offset }] }];
    const answer = await client.ask(API.deleteRecords, version, { topics, timeoutMs: 1000 });
    const [partition] = answer.topics[0]?.partitions ?? [];
    return [partition?.errorCode, partition?.lowWatermark];
  };
  const earliest = async (topic: string) => {
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -2 }] }];
    return (await client.ask(API.listOffsets, 7, { replicaId: -1, topics })).topics[0]?.partitions[0]?.offset;
  };

  test("moves the start up, also into a batch, never down, and to the end", async () => {
    await fixture.createTopic("t");
    for (let n = 0; n < 4; n++) append("t", 5);
    deepEqual(await deleteBelow("t", 3, 0), [ErrorCode.NONE, 3]);
    equal(await earliest("t"), 3);
    deepEqual(await deleteBelow("t", 2, 1), [ErrorCode.NONE, 3]);
    deepEqual(await deleteBelow("t", 10), [ErrorCode.NONE, 10]);
    deepEqual(await deleteBelow("t", 17), [ErrorCode.NONE, 17]);
    const { uploadedEnd, logStart } = fixture.partition("t");
    deepEqual([uploadedEnd, logStart], [15, 17], "the batch that holds the start stays whole");
    deepEqual(await deleteBelow("t", -1), [ErrorCode.NONE, 20]);
    equal(await earliest("t"), 20);
    append("t", 5);
    deepEqual(await deleteBelow("t", 22), [ErrorCode.NONE, 22]);
  });

  test("many at once forget no producer", async () => {
    await fixture.createTopic("t");
    for (let sequence = 0; sequence < 12; sequence++) {
      const bytes = Buffer.from(
        buildBatch([{ timestampMs: 1, value: Buffer.from("v") }], { producerId: 5, producerEpoch: 0, baseSequence: sequence }),
      );
      equal(fixture.partition("t").append(bytes, 0, bytes.byteLength, undefined).code, undefined);
    }
    fixture.sync();
    const partitions = Array.from({ length: 10 }, (_, n) => ({ partitionIndex: 0, offset: 10 - n }));
    const answer = await client.ask(API.deleteRecords, 2, { topics: [{ name: "t", partitions }], timeoutMs: 1000 });
    deepEqual(
      answer.topics[0]?.partitions.map(({ errorCode }) => errorCode),
      partitions.map(() => ErrorCode.NONE),
    );
    const { base, logStart } = fixture.partition("t");
    deepEqual([logStart, base.nextOffset, base.incomplete, [...base.producers.keys()]], [10, 10, false, [5]]);
  });

  test("refuses what lies outside, what is not there, and topics that are only compacted", async () => {
    await fixture.createTopic("t");
    await fixture.createTopic("compacted", 1, { "cleanup.policy": "compact" });
    await fixture.createTopic("both", 1, { "cleanup.policy": "compact,delete" });
    for (const topic of ["t", "compacted", "both"]) append(topic, 5);
    deepEqual(await deleteBelow("t", 6), [ErrorCode.OFFSET_OUT_OF_RANGE, -1]);
    deepEqual(await deleteBelow("t", -2), [ErrorCode.OFFSET_OUT_OF_RANGE, -1]);
    deepEqual(await deleteBelow("t", 1, 2, 7), [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1]);
    deepEqual(await deleteBelow("gone", 1), [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1]);
    deepEqual(await deleteBelow("compacted", 1), [ErrorCode.POLICY_VIOLATION, -1]);
    deepEqual(await deleteBelow("both", 1), [ErrorCode.NONE, 1]);
  });
});
