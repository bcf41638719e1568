import { deepEqual, equal, ok } from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { offsetCommitRequest, offsetCommitResponse } from "@tidemq/protocol/messages/08-offset-commit.ts";
import { findCoordinatorRequest, findCoordinatorResponse } from "@tidemq/protocol/messages/10-find-coordinator.ts";
import { heartbeatRequest, heartbeatResponse } from "@tidemq/protocol/messages/12-heartbeat.ts";
import { describeGroupsRequest, describeGroupsResponse } from "@tidemq/protocol/messages/15-describe-groups.ts";
import { listGroupsRequest, listGroupsResponse } from "@tidemq/protocol/messages/16-list-groups.ts";
import { consumerGroupHeartbeatRequest, consumerGroupHeartbeatResponse } from "@tidemq/protocol/messages/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribeRequest, consumerGroupDescribeResponse } from "@tidemq/protocol/messages/69-consumer-group-describe.ts";
import type { Message, MessageInput, MessageOf } from "@tidemq/protocol/schema.ts";
import { must } from "../base/assert.ts";
import { LISTENER_NAME } from "../config/server-config.ts";
import { EXTERNAL, type KafkaClient, KafkaFixture, type Pair } from "../testing/kafka-fixture.ts";

const API = {
  commit: { request: offsetCommitRequest, response: offsetCommitResponse },
  find: { request: findCoordinatorRequest, response: findCoordinatorResponse },
  heartbeat: { request: heartbeatRequest, response: heartbeatResponse },
  describe: { request: describeGroupsRequest, response: describeGroupsResponse },
  list: { request: listGroupsRequest, response: listGroupsResponse },
  beat: { request: consumerGroupHeartbeatRequest, response: consumerGroupHeartbeatResponse },
  describeNew: { request: consumerGroupDescribeRequest, response: consumerGroupDescribeResponse },
};
const { NONE, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE } = ErrorCode;
const GROUPS = Array.from({ length: 20 }, (_, i) => `group-${i}`);

let fixture: KafkaFixture;
let client: KafkaClient;

beforeEach(async () => {
  fixture = await KafkaFixture.open();
  await fixture.addBroker(2, [LISTENER_NAME, EXTERNAL]);
  await fixture.addBroker(3);
  await fixture.createTopic("t");
  client = fixture.connect();
});

/** Asks, and has the log synced until the answer is there. */
async function ask<Q extends Message, R extends Message>(api: Pair<Q, R>, version: number, body: MessageInput<Q>): Promise<MessageOf<R>> {
  client.send(api.request, version, body);
  for (let i = 0; i < 100; i++) {
    const answer = client.answer(api.response, version);
    if (answer !== undefined) return answer;
    await fixture.settle(Promise.resolve());
    fixture.sync();
  }
  throw new Error(`no answer to ${api.request.name}`);
}

/** Group → error, broker and address of its coordinator. */
async function find(of = client) {
  const { coordinators } = await of.ask(API.find, 6, { keyType: 0, coordinatorKeys: GROUPS });
  return new Map(coordinators.map(({ key, errorCode, nodeId, host, port }) => [key, { errorCode, nodeId, host, port }]));
}

async function commit(groupId: string) {
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }];
  const { topics } = await ask(API.commit, 9, { groupId, memberId: "", topics: [{ name: "t", partitions }] });
  return topics[0]?.partitions[0]?.errorCode;
}

async function groupsOf(nodeId: number): Promise<string[]> {
  return [...(await find())].filter(([, coordinator]) => coordinator.nodeId === nodeId).map(([groupId]) => groupId);
}

test("FindCoordinator names the leader of the group's partition, where the client's listener reaches it", async () => {
  const found = [...(await find()).values()];
  for (const { nodeId, errorCode, host, port } of found) {
    const address = nodeId === 1 ? ["10.0.0.1", 9092] : [`plaintext-${nodeId}`, 9000 + nodeId];
    deepEqual([errorCode, host, port], [NONE, ...address]);
  }
  deepEqual(
    [...new Set(found.map(({ nodeId }) => nodeId))].sort((a, b) => a - b),
    [1, 2, 3],
  );
  const outside = await find(fixture.connectExternal());
  for (const [groupId, { nodeId }] of await find()) {
    const { errorCode, host } = must(outside.get(groupId), groupId);
    if (nodeId === 3) deepEqual([errorCode, host], [COORDINATOR_NOT_AVAILABLE, ""]);
    if (nodeId === 2) deepEqual([errorCode, host], [NONE, "external-2"]);
  }
});

test("a group without a coordinator is told to wait", async () => {
  const [groupId = ""] = await groupsOf(2);
  await fixture.fence(2);
  deepEqual((await find()).get(groupId), { errorCode: COORDINATOR_NOT_AVAILABLE, nodeId: -1, host: "", port: -1 });
  const { groups } = await client.ask(API.describe, 6, { groups: [groupId] });
  equal(groups[0]?.errorCode, COORDINATOR_NOT_AVAILABLE);
  await fixture.settle(fixture.controller.electLeaders(2));
  equal((await find()).get(groupId)?.nodeId, 2);
});

test("whoever asks the wrong broker about a group is sent to find the right one", async () => {
  const [own = ""] = await groupsOf(1);
  const [other = ""] = await groupsOf(3);
  equal(await commit(own), NONE);
  equal(await commit(other), NOT_COORDINATOR);
  equal((await ask(API.heartbeat, 4, { groupId: other, generationId: 1, memberId: "m" })).errorCode, NOT_COORDINATOR);
  const beat = {
    groupId: other,
    memberId: "m",
    memberEpoch: 0,
    rebalanceTimeoutMs: 1000,
    subscribedTopicNames: ["t"],
    topicPartitions: [],
  };
  equal((await ask(API.beat, 1, beat)).errorCode, NOT_COORDINATOR);
  const groupIds = [own, other];
  deepEqual(
    (await ask(API.describe, 6, { groups: groupIds })).groups.map(({ errorCode }) => errorCode),
    [NONE, NOT_COORDINATOR],
  );
  deepEqual(
    (await ask(API.describeNew, 1, { groupIds, includeAuthorizedOperations: false })).groups.map(({ errorCode }) => errorCode),
    [ErrorCode.GROUP_ID_NOT_FOUND, NOT_COORDINATOR],
  );
});

test("ListGroups tells of the groups that are coordinated here, and says when some are coordinated nowhere", async () => {
  const own = await groupsOf(1);
  ok(own.length > 0);
  for (const groupId of GROUPS) await commit(groupId);
  const { errorCode, groups } = await ask(API.list, 5, {});
  deepEqual([errorCode, groups.map(({ groupId }) => groupId).sort()], [NONE, own.sort()]);
  await fixture.fence(2);
  equal((await ask(API.list, 5, {})).errorCode, COORDINATOR_NOT_AVAILABLE);
});

test("a broker that is fenced coordinates nothing", async () => {
  const [groupId = ""] = await groupsOf(1);
  equal(await commit(groupId), NONE);
  await fixture.fence(1);
  equal((await find()).get(groupId)?.errorCode, COORDINATOR_NOT_AVAILABLE);
  equal(await commit(groupId), COORDINATOR_NOT_AVAILABLE);
});
