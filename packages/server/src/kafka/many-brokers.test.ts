import { deepEqual, equal } from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { metadataRequest, metadataResponse } from "@tidemq/protocol/messages/03-metadata.ts";
import { describeClusterRequest, describeClusterResponse } from "@tidemq/protocol/messages/60-describe-cluster.ts";
import { describeTopicPartitionsRequest, describeTopicPartitionsResponse } from "@tidemq/protocol/messages/75-describe-topic-partitions.ts";
import { LISTENER_NAME } from "../config/server-config.ts";
import { EXTERNAL, type KafkaClient, KafkaFixture } from "../testing/kafka-fixture.ts";

const metadata = { request: metadataRequest, response: metadataResponse };
const describeCluster = { request: describeClusterRequest, response: describeClusterResponse };
const describePartitions = { request: describeTopicPartitionsRequest, response: describeTopicPartitionsResponse };

const { NONE, LEADER_NOT_AVAILABLE, LISTENER_NOT_FOUND } = ErrorCode;

let fixture: KafkaFixture;
let client: KafkaClient;

/** Broker 1 is this one; 3 has one listener only. */
beforeEach(async () => {
  fixture = await KafkaFixture.open();
  await fixture.addBroker(2, [LISTENER_NAME, EXTERNAL], "east");
  await fixture.addBroker(3, [LISTENER_NAME], "west");
  client = fixture.connect();
});

async function brokers(of = client, version = 13) {
  const answer = await of.ask(metadata, version, { topics: [] });
  return answer.brokers.map(({ nodeId, host, port, rack }) => [nodeId, host, port, rack]);
}

/** Error, leader and offline replicas of each partition. */
async function partitions(name: string, of = client, version = 13) {
  const [topic] = (await of.ask(metadata, version, { topics: [{ name }] })).topics;
  return topic?.partitions.map(({ errorCode, leaderId, offlineReplicas }) => [errorCode, leaderId, offlineReplicas]);
}

test("a client is told of all brokers under the listener that it came in by", async () => {
  const all = [
    [1, "10.0.0.1", 9092, null],
    [2, "plaintext-2", 9002, "east"],
    [3, "plaintext-3", 9003, "west"],
  ];
  for (const version of [1, 4, 8, 13]) deepEqual(await brokers(client, version), all);
  deepEqual(await brokers(fixture.connectExternal()), [
    [1, "10.0.0.1", 9092, null],
    [2, "external-2", 9002, "east"],
  ]);
});

test("what a broker without that listener leads cannot be reached, and says so", async () => {
  await fixture.placeTopic("t", [3, 2], [2, 3], [1, 2]);
  const external = fixture.connectExternal();
  const reached = [
    [NONE, 2, [3]],
    [NONE, 1, []],
  ];
  deepEqual(await partitions("t", external), [[LISTENER_NOT_FOUND, -1, [3]], ...reached]);
  deepEqual(await partitions("t", external, 5), [[LEADER_NOT_AVAILABLE, -1, [3]], ...reached]);
  const { topics } = await external.ask(describePartitions, 0, { topics: [{ name: "t" }], cursor: null });
  deepEqual(
    topics[0]?.partitions.map(({ errorCode, leaderId, offlineReplicas }) => [errorCode, leaderId, offlineReplicas]),
    [[LISTENER_NOT_FOUND, -1, [3]], ...reached],
  );
  deepEqual(
    (await partitions("t"))?.map(([code, leader]) => [code, leader]),
    [
      [NONE, 3],
      [NONE, 2],
      [NONE, 1],
    ],
  );
});

test("a fenced broker is not there; its replicas are offline, and what nobody else leads stays listed without a leader", async () => {
  await fixture.placeTopic("two", [2, 3], [1, 2]);
  await fixture.placeTopic("one", [2]);
  await fixture.fence(2);
  deepEqual(
    (await brokers()).map(([id]) => id),
    [1, 3],
  );
  deepEqual(await partitions("two"), [
    [NONE, 3, [2]],
    [NONE, 1, [2]],
  ]);
  deepEqual(await partitions("one"), [[LEADER_NOT_AVAILABLE, -1, [2]]]);
  const { topics } = await client.ask(metadata, 13, { topics: null });
  deepEqual(
    topics.map(({ name, errorCode }) => [name, errorCode]),
    [
      ["two", NONE],
      ["one", NONE],
    ],
  );
});

test("an answer that is kept is made anew when a broker comes, is fenced, or is back", async () => {
  await fixture.placeTopic("t", ...Array.from({ length: 1000 }, () => [1]));
  const ids = async () => (await client.ask(metadata, 13, { topics: null })).brokers.map(({ nodeId }) => nodeId);
  const external = fixture.connectExternal();
  deepEqual(await ids(), [1, 2, 3]);
  deepEqual(
    (await external.ask(metadata, 13, { topics: null })).brokers.map(({ host }) => host),
    ["10.0.0.1", "external-2"],
  );
  deepEqual(await ids(), [1, 2, 3]);
  await fixture.fence(2);
  deepEqual(await ids(), [1, 3]);
  await fixture.settle(fixture.controller.electLeaders(2));
  deepEqual(await ids(), [1, 2, 3]);
  await fixture.addBroker(4);
  deepEqual(await ids(), [1, 2, 3, 4]);
});

test("this broker is reached as configured, else as registered, else as it was reached", async () => {
  const identity = { id: 1, host: "h", rack: "", walId: "log", walIndex: 0, walDamaged: false };
  const listeners = [{ name: EXTERNAL, host: "outside", port: 7 }];
  await fixture.settle(fixture.controller.registerBroker({ ...identity, listeners }));
  await fixture.settle(fixture.controller.electLeaders(1));
  deepEqual((await brokers())[0], [1, "10.0.0.1", 9092, null]);
  deepEqual((await brokers(fixture.connectExternal()))[0], [1, "outside", 7, null]);
  const advertising = await KafkaFixture.open({ advertise: { host: "public", port: 1 } });
  deepEqual(await brokers(advertising.connectExternal()), [[1, "public", 1, null]]);
});

test("DescribeCluster tells of brokers that are alive, and of fenced ones when asked", async () => {
  await fixture.fence(3);
  const ask = async (version: number, includeFencedBrokers: boolean) => {
    const answer = await client.ask(describeCluster, version, {
      includeClusterAuthorizedOperations: false,
      ...(version >= 2 ? { includeFencedBrokers } : {}),
    });
    return [answer.controllerId, answer.brokers.map(({ brokerId, host, isFenced }) => [brokerId, host, isFenced])];
  };
  const alive = [
    [1, "10.0.0.1", false],
    [2, "plaintext-2", false],
  ];
  for (const version of [0, 1, 2]) deepEqual(await ask(version, false), [1, alive]);
  deepEqual(await ask(2, true), [1, [...alive, [3, "plaintext-3", true]]]);
});

test("a controller is named that is there, also by a broker that is fenced itself", async () => {
  await fixture.fence(1);
  const { controllerId, brokers: told } = await client.ask(metadata, 13, { topics: [] });
  equal(controllerId, 2);
  deepEqual(
    told.map(({ nodeId }) => nodeId),
    [2, 3],
  );
});
