import { deepEqual, equal, ok } from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { produceRequest, produceResponse } from "@tidemq/protocol/messages/00-produce.ts";
import { fetchRequest, fetchResponse } from "@tidemq/protocol/messages/01-fetch.ts";
import { listOffsetsRequest, listOffsetsResponse } from "@tidemq/protocol/messages/02-list-offsets.ts";
import { deleteRecordsRequest, deleteRecordsResponse } from "@tidemq/protocol/messages/21-delete-records.ts";
import { initProducerIdRequest, initProducerIdResponse } from "@tidemq/protocol/messages/22-init-producer-id.ts";
import { offsetForLeaderEpochRequest, offsetForLeaderEpochResponse } from "@tidemq/protocol/messages/23-offset-for-leader-epoch.ts";
import { describeConfigsRequest, describeConfigsResponse } from "@tidemq/protocol/messages/32-describe-configs.ts";
import { describeLogDirsRequest, describeLogDirsResponse } from "@tidemq/protocol/messages/35-describe-log-dirs.ts";
import { incrementalAlterConfigsRequest, incrementalAlterConfigsResponse } from "@tidemq/protocol/messages/44-incremental-alter-configs.ts";
import { describeProducersRequest, describeProducersResponse } from "@tidemq/protocol/messages/61-describe-producers.ts";
import { listConfigResourcesRequest, listConfigResourcesResponse } from "@tidemq/protocol/messages/74-list-config-resources.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { LISTENER_NAME } from "../config/server-config.ts";
import { EXTERNAL, type KafkaClient, KafkaFixture } from "../testing/kafka-fixture.ts";

const API = {
  produce: { request: produceRequest, response: produceResponse },
  fetch: { request: fetchRequest, response: fetchResponse },
  listOffsets: { request: listOffsetsRequest, response: listOffsetsResponse },
  deleteRecords: { request: deleteRecordsRequest, response: deleteRecordsResponse },
  initProducerId: { request: initProducerIdRequest, response: initProducerIdResponse },
  epochs: { request: offsetForLeaderEpochRequest, response: offsetForLeaderEpochResponse },
  describeConfigs: { request: describeConfigsRequest, response: describeConfigsResponse },
  logDirs: { request: describeLogDirsRequest, response: describeLogDirsResponse },
  alterConfigs: { request: incrementalAlterConfigsRequest, response: incrementalAlterConfigsResponse },
  producers: { request: describeProducersRequest, response: describeProducersResponse },
  resources: { request: listConfigResourcesRequest, response: listConfigResourcesResponse },
};
const { NONE, NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH } = ErrorCode;
const NOBODY = { leaderId: -1, leaderEpoch: -1 };
const BROKER = 4;

let fixture: KafkaFixture;
let client: KafkaClient;
let topicId: string;

/** Partitions led by brokers 1 (this one), 2, 3, 2. */
beforeEach(async () => {
  fixture = await KafkaFixture.open();
  await fixture.addBroker(2, [LISTENER_NAME, EXTERNAL], "east");
  await fixture.addBroker(3);
  topicId = await fixture.placeTopic("t", [1], [2], [3], [2]);
  client = fixture.connect();
});

const endpoint = (name: string, nodeId: number, rack: string | null) => ({ nodeId, host: `${name}-${nodeId}`, port: 9000 + nodeId, rack });

function produce(version: number, indexes: readonly number[], by = client) {
  const records = Buffer.from(buildBatch([{ timestampMs: 0, value: Buffer.from("v") }], {}));
  const partitionData = indexes.map((index) => ({ index, records }));
  by.send(produceRequest, version, { acks: -1, timeoutMs: 1, topicData: [{ name: "t", topicId, partitionData }] });
  fixture.sync();
  const answer = by.answer(produceResponse, version);
  ok(answer !== undefined);
  const { responses, nodeEndpoints } = answer;
  const parts = responses[0]?.partitionResponses ?? [];
  return { codes: parts.map((part) => part.errorCode), leaders: parts.map((part) => part.currentLeader), nodeEndpoints };
}

async function fetch(version: number, indexes: readonly number[], currentLeaderEpoch = -1) {
  const partitions = indexes.map((partition) => ({ partition, currentLeaderEpoch, fetchOffset: 0, partitionMaxBytes: 1000 }));
  const answer = await client.ask(API.fetch, version, { maxWaitMs: 0, minBytes: 0, topics: [{ topic: "t", topicId, partitions }] });
  const parts = answer.responses[0]?.partitions ?? [];
  return {
    codes: parts.map((part) => part.errorCode),
    leaders: parts.map((part) => part.currentLeader),
    nodeEndpoints: answer.nodeEndpoints,
  };
}

const elsewhere = (leaderId: number) => ({ leaderId, leaderEpoch: 0 });

test("Produce tells who leads, and since v10 where that is, each once", () => {
  const codes = [NONE, NOT_LEADER_OR_FOLLOWER, NOT_LEADER_OR_FOLLOWER, NOT_LEADER_OR_FOLLOWER];
  for (const version of [3, 9]) {
    deepEqual(produce(version, [0, 1, 2, 3]), { codes, leaders: [NOBODY, NOBODY, NOBODY, NOBODY], nodeEndpoints: [] });
  }
  for (const version of [10, 12, 13]) {
    const leaders = [NOBODY, elsewhere(2), elsewhere(3), elsewhere(2)];
    const nodeEndpoints = [endpoint("plaintext", 2, "east"), endpoint("plaintext", 3, null)];
    deepEqual(produce(version, [0, 1, 2, 3]), { codes, leaders, nodeEndpoints });
    deepEqual(produce(version, [0]).nodeEndpoints, []);
  }
  deepEqual(produce(12, [1, 2], fixture.connectExternal()).nodeEndpoints, [endpoint("external", 2, "east")]);
});

test("the room for endpoints in an answer grows with the brokers", async () => {
  produce(12, [1]);
  for (let id = 4; id < 104; id += 1)
    await fixture.addBroker(id, [`${"long-".repeat(20)}${LISTENER_NAME}`, LISTENER_NAME], "r".repeat(256));
  await fixture.placeTopic("wide", ...Array.from({ length: 100 }, (_, i) => [i + 4]));
  const records = Buffer.from(buildBatch([{ timestampMs: 0, value: Buffer.from("v") }], {}));
  const partitionData = Array.from({ length: 100 }, (_, index) => ({ index, records }));
  for (let round = 0; round < 5; round += 1) {
    const answer = await client.ask(API.produce, 12, { acks: -1, timeoutMs: 1, topicData: [{ name: "wide", partitionData }] });
    deepEqual(
      answer.nodeEndpoints.map(({ nodeId, host, rack }) => [nodeId, host, rack?.length]),
      partitionData.map((_, i) => [i + 4, `plaintext-${i + 4}`, 256]),
    );
  }
});

test("a partition without a leader names no place", async () => {
  await fixture.fence(2);
  const lost = { leaderId: -1, leaderEpoch: 1 };
  deepEqual(produce(12, [1]), { codes: [NOT_LEADER_OR_FOLLOWER], leaders: [lost], nodeEndpoints: [] });
  deepEqual(await fetch(16, [1]), { codes: [NOT_LEADER_OR_FOLLOWER], leaders: [lost], nodeEndpoints: [] });
});

test("Fetch tells who leads since v12, and since v16 where that is", async () => {
  const codes = [NONE, NOT_LEADER_OR_FOLLOWER, NOT_LEADER_OR_FOLLOWER, NOT_LEADER_OR_FOLLOWER];
  deepEqual(await fetch(11, [0, 1, 2, 3]), { codes, leaders: [NOBODY, NOBODY, NOBODY, NOBODY], nodeEndpoints: [] });
  const leaders = [NOBODY, elsewhere(2), elsewhere(3), elsewhere(2)];
  for (const version of [12, 15]) deepEqual(await fetch(version, [0, 1, 2, 3]), { codes, leaders, nodeEndpoints: [] });
  const nodeEndpoints = [endpoint("plaintext", 2, "east"), endpoint("plaintext", 3, null)];
  for (const version of [16, 18]) deepEqual(await fetch(version, [0, 1, 2, 3]), { codes, leaders, nodeEndpoints });
});

test("Fetch with an older leader epoch tells the present one; the client knows where this broker is", async () => {
  await fixture.fence(1);
  await fixture.settle(fixture.controller.electLeaders(1));
  const leaders = [{ leaderId: 1, leaderEpoch: 2 }];
  deepEqual(await fetch(16, [0], 0), { codes: [FENCED_LEADER_EPOCH], leaders, nodeEndpoints: [] });
});

test("what only a leader knows is NOT_LEADER_OR_FOLLOWER elsewhere", async () => {
  const listed = await client.ask(API.listOffsets, 9, {
    replicaId: -1,
    topics: [{ name: "t", partitions: [{ partitionIndex: 1, timestamp: -1 }] }],
  });
  equal(listed.topics[0]?.partitions[0]?.errorCode, NOT_LEADER_OR_FOLLOWER);
  const deleted = await client.ask(API.deleteRecords, 2, {
    topics: [{ name: "t", partitions: [{ partitionIndex: 1, offset: -1 }] }],
    timeoutMs: 1,
  });
  equal(deleted.topics[0]?.partitions[0]?.errorCode, NOT_LEADER_OR_FOLLOWER);
  const epochs = await client.ask(API.epochs, 4, {
    replicaId: -1,
    topics: [{ topic: "t", partitions: [{ partition: 1, currentLeaderEpoch: -1, leaderEpoch: 0 }] }],
  });
  equal(epochs.topics[0]?.partitions[0]?.errorCode, NOT_LEADER_OR_FOLLOWER);
  const described = await client.ask(API.producers, 0, { topics: [{ name: "t", partitionIndexes: [1] }] });
  equal(described.topics[0]?.partitions[0]?.errorCode, NOT_LEADER_OR_FOLLOWER);
});

test("DescribeLogDirs tells of the replicas here", async () => {
  await fixture.placeTopic("other", [2]);
  await fixture.placeTopic("follows", [3, 1]);
  const told = async (topics: { topic: string; partitions: number[] }[] | null) =>
    (await client.ask(API.logDirs, 4, { topics })).results[0]?.topics.map(({ name, partitions }) => [
      name,
      partitions.map(({ partitionIndex }) => partitionIndex),
    ]);
  deepEqual(await told(null), [
    ["t", [0]],
    ["follows", [0]],
  ]);
  const asked = [
    { topic: "t", partitions: [0, 1, 2] },
    { topic: "other", partitions: [0] },
  ];
  deepEqual(await told(asked), [["t", [0]]]);
});

test("another broker's options are that one's to tell and to change; all brokers are listed", async () => {
  const describe = async (resourceName: string) => {
    const { results } = await client.ask(API.describeConfigs, 4, {
      resources: [{ resourceType: BROKER, resourceName, configurationKeys: null }],
    });
    return [results[0]?.errorCode, results[0]?.errorMessage];
  };
  deepEqual(await describe("2"), [ErrorCode.INVALID_REQUEST, "Unexpected broker id, expected 1 or empty string, but received 2"]);
  deepEqual(await describe("two"), [ErrorCode.INVALID_REQUEST, "Broker id must be an integer, but it is: two"]);
  const alter = async (resourceName: string) => {
    const configs = [{ name: "max.connections", configOperation: 0, value: "5" }];
    const { responses } = await client.ask(API.alterConfigs, 1, {
      resources: [{ resourceType: BROKER, resourceName, configs }],
      validateOnly: false,
    });
    return [responses[0]?.errorCode, responses[0]?.errorMessage];
  };
  deepEqual(await alter("3"), [ErrorCode.INVALID_REQUEST, "Unexpected broker id, expected 1, but received 3"]);
  deepEqual(await alter("two"), [ErrorCode.INVALID_REQUEST, "Node id must be an integer, but it is: two"]);
  const { configResources } = await client.ask(API.resources, 1, { resourceTypes: [BROKER] });
  deepEqual(
    configResources.map(({ resourceName }) => resourceName),
    ["1", "2", "3"],
  );
});

test("a producer gets its id from any broker", async () => {
  const answer = await client.ask(API.initProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 1,
    producerId: -1,
    producerEpoch: -1,
  });
  deepEqual([answer.errorCode, answer.producerId], [NONE, 0]);
});
