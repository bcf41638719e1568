import { deepEqual, equal, ok } from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { offsetCommitRequest, offsetCommitResponse } from "@tidemq/protocol/messages/08-offset-commit.ts";
import { offsetFetchRequest, offsetFetchResponse } from "@tidemq/protocol/messages/09-offset-fetch.ts";
import { findCoordinatorRequest, findCoordinatorResponse } from "@tidemq/protocol/messages/10-find-coordinator.ts";
import { joinGroupRequest, joinGroupResponse } from "@tidemq/protocol/messages/11-join-group.ts";
import { heartbeatRequest, heartbeatResponse } from "@tidemq/protocol/messages/12-heartbeat.ts";
import { leaveGroupRequest, leaveGroupResponse } from "@tidemq/protocol/messages/13-leave-group.ts";
import { syncGroupRequest, syncGroupResponse } from "@tidemq/protocol/messages/14-sync-group.ts";
import { describeGroupsRequest, describeGroupsResponse } from "@tidemq/protocol/messages/15-describe-groups.ts";
import { listGroupsRequest, listGroupsResponse } from "@tidemq/protocol/messages/16-list-groups.ts";
import { deleteGroupsRequest, deleteGroupsResponse } from "@tidemq/protocol/messages/42-delete-groups.ts";
import { offsetDeleteRequest, offsetDeleteResponse } from "@tidemq/protocol/messages/47-offset-delete.ts";
import { consumerGroupHeartbeatRequest, consumerGroupHeartbeatResponse } from "@tidemq/protocol/messages/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribeRequest, consumerGroupDescribeResponse } from "@tidemq/protocol/messages/69-consumer-group-describe.ts";
import type { Message, MessageInput, MessageOf } from "@tidemq/protocol/schema.ts";
import { type KafkaClient, KafkaFixture, type Pair } from "../../testing/kafka-fixture.ts";

const API = {
  commit: { request: offsetCommitRequest, response: offsetCommitResponse },
  fetch: { request: offsetFetchRequest, response: offsetFetchResponse },
  find: { request: findCoordinatorRequest, response: findCoordinatorResponse },
  join: { request: joinGroupRequest, response: joinGroupResponse },
  heartbeat: { request: heartbeatRequest, response: heartbeatResponse },
  leave: { request: leaveGroupRequest, response: leaveGroupResponse },
  sync: { request: syncGroupRequest, response: syncGroupResponse },
  describe: { request: describeGroupsRequest, response: describeGroupsResponse },
  list: { request: listGroupsRequest, response: listGroupsResponse },
  remove: { request: deleteGroupsRequest, response: deleteGroupsResponse },
  beat: { request: consumerGroupHeartbeatRequest, response: consumerGroupHeartbeatResponse },
  describeNew: { request: consumerGroupDescribeRequest, response: consumerGroupDescribeResponse },
  offsetDelete: { request: offsetDeleteRequest, response: offsetDeleteResponse },
};
/** `group.initial.rebalance.delay.ms`. */
const DELAY_MS = 3_000;
const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

let fixture: KafkaFixture;
let client: KafkaClient;

beforeEach(async () => {
  fixture = await KafkaFixture.open();
  client = fixture.connect();
});

/** Asks, and has the log synced until the answer is there. */
async function ask<Q extends Message, R extends Message>(
  api: Pair<Q, R>,
  version: number,
  body: MessageInput<Q>,
  by: KafkaClient = client,
): Promise<MessageOf<R>> {
  by.send(api.request, version, body);
  return answerOf(api, version, by);
}

async function answerOf<Q extends Message, R extends Message>(api: Pair<Q, R>, version: number, by: KafkaClient): Promise<MessageOf<R>> {
  for (let i = 0; i < 100; i++) {
    const answer = by.answer(api.response, version);
    if (answer !== undefined) return answer;
    await fixture.settle(Promise.resolve());
    fixture.sync();
  }
  throw new Error(`no answer to ${api.request.name} version ${version}: ${JSON.stringify(fixture.log.lines)}`);
}

const versionsOf = ({ versions: { min, max } }: Message): number[] => Array.from({ length: max - min + 1 }, (_, n) => min + n);
const [BY_NAME, BY_ID] = [9, 10];

function commitOf(topicId: string, offset: number, partitionIndex = 0, more: Partial<MessageInput<typeof offsetCommitRequest>> = {}) {
  const partitions = [{ partitionIndex, committedOffset: offset, committedLeaderEpoch: 3, committedMetadata: "m" }];
  return { groupId: "g", memberId: "", topics: [{ name: "t", topicId, partitions }], ...more };
}

describe("offsets of a consumer that is in no group", () => {
  let topicId: string;
  beforeEach(async () => {
    topicId = await fixture.createTopic("t", 2);
  });

  test("are committed and fetched in every version", async () => {
    for (const version of versionsOf(offsetCommitRequest)) {
      const { topics } = await ask(API.commit, version, commitOf(topicId, 100 + version));
      deepEqual(topics[0]?.partitions, [{ partitionIndex: 0, errorCode: ErrorCode.NONE }]);
    }
    for (const version of versionsOf(offsetFetchRequest)) {
      const asked = [{ name: "t", topicId, partitionIndexes: [0, 1] }];
      const answer = await ask(
        API.fetch,
        version,
        version < 8 ? { groupId: "g", topics: asked } : { groups: [{ groupId: "g", topics: asked }] },
      );
      const topics = version < 8 ? answer.topics : (answer.groups[0]?.topics ?? []);
      const places = topics[0]?.partitions.map(({ committedOffset, committedLeaderEpoch, metadata }) => [
        committedOffset,
        committedLeaderEpoch,
        metadata,
      ]);
      const epoch = version < 5 ? -1 : 3;
      deepEqual(places, [
        [110, epoch, "m"],
        [-1, -1, ""],
      ]);
    }
  });

  test("may be negative: some clients keep the wish to begin at the oldest or newest record so", async () => {
    for (const offset of [-2, Number.MIN_SAFE_INTEGER]) {
      const { topics } = await ask(API.commit, BY_ID, commitOf(topicId, offset));
      deepEqual(topics[0]?.partitions, [{ partitionIndex: 0, errorCode: ErrorCode.NONE }]);
      const asked = { groupId: "g", topics: [{ name: "t", topicId, partitionIndexes: [0] }] };
      equal((await ask(API.fetch, BY_ID, { groups: [asked] })).groups[0]?.topics[0]?.partitions[0]?.committedOffset, offset);
    }
  });

  test("are told once of each group, and not of more partitions than a request may ask for", async () => {
    await ask(API.commit, BY_ID, commitOf(topicId, 5));
    const all = { groupId: "g", topics: null };
    const { groups } = await ask(API.fetch, BY_NAME, { groups: [all, all, { ...all, groupId: "h" }] });
    deepEqual(
      groups.map(({ groupId, errorCode, topics }) => [groupId, errorCode, topics.length]),
      [
        ["g", ErrorCode.NONE, 1],
        ["h", ErrorCode.NONE, 0],
      ],
    );
    const many = { groupId: "g", topics: [{ name: "t", topicId, partitionIndexes: Array.from({ length: 250_001 }, () => 0) }] };
    equal((await ask(API.fetch, BY_NAME, { groups: [many] })).groups[0]?.errorCode, ErrorCode.INVALID_REQUEST);
  });

  test("are all of them when no topic is named, but for topics that are gone", async () => {
    const gone = await fixture.createTopic("gone");
    await ask(API.commit, BY_ID, commitOf(topicId, 5, 1));
    await ask(API.commit, BY_ID, commitOf(gone, 6));
    const all = async () => (await ask(API.fetch, BY_NAME, { groups: [{ groupId: "g", topics: null }] })).groups[0]?.topics;
    deepEqual(
      (await all())?.map(({ name, partitions }) => [
        name,
        partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
      ]),
      [
        ["t", [[1, 5]]],
        ["gone", [[0, 6]]],
      ],
    );
    await fixture.settle(fixture.controller.deleteTopics([{ name: "gone", topicId: undefined }]));
    deepEqual(
      (await all())?.map(({ name }) => name),
      ["t"],
    );
  });

  test("of a topic that was deleted and made again do not come back", async () => {
    await ask(API.commit, BY_ID, commitOf(topicId, 5));
    await fixture.settle(fixture.controller.deleteTopics([{ name: "t", topicId: undefined }]));
    await fixture.createTopic("t", 2);
    const asked = [{ name: "t", partitionIndexes: [0] }];
    const { groups } = await ask(API.fetch, BY_NAME, { groups: [{ groupId: "g", topics: asked }] });
    equal(groups[0]?.topics[0]?.partitions[0]?.committedOffset, -1);
  });

  test("of what does not exist are refused one by one, the others are kept", async () => {
    const partitions = [0, 7].map((partitionIndex) => ({ partitionIndex, committedOffset: 1, committedMetadata: null }));
    const topics = [
      { name: "no", topicId: UNKNOWN_ID, partitions },
      { name: "t", topicId, partitions },
    ];
    for (const [version, unknown] of [
      [BY_NAME, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [BY_ID, ErrorCode.UNKNOWN_TOPIC_ID],
    ] as const) {
      const answer = await ask(API.commit, version, { groupId: "g", memberId: "", topics });
      deepEqual(
        answer.topics.map((topic) => topic.partitions.map(({ errorCode }) => errorCode)),
        [
          [unknown, unknown],
          [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        ],
      );
    }
    const asked = [{ topicId: UNKNOWN_ID, partitionIndexes: [0] }];
    const { groups } = await ask(API.fetch, BY_ID, { groups: [{ groupId: "g", topics: asked }] });
    equal(groups[0]?.topics[0]?.partitions[0]?.errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
  });

  test("are answered when they are durable, and what is read is durable, too", async () => {
    await ask(API.find, 6, { keyType: 0, coordinatorKeys: ["g"] });
    client.send(offsetCommitRequest, BY_ID, commitOf(topicId, 5));
    const reader = fixture.connect();
    reader.send(offsetFetchRequest, BY_ID, { groups: [{ groupId: "g", topics: null }] });
    await fixture.settle(Promise.resolve());
    equal(client.answer(offsetCommitResponse, BY_ID), undefined);
    equal(reader.answer(offsetFetchResponse, BY_ID), undefined);
    fixture.sync();
    await fixture.settle(Promise.resolve());
    fixture.listener.flush();
    equal(client.answer(offsetCommitResponse, BY_ID)?.topics[0]?.partitions[0]?.errorCode, ErrorCode.NONE);
    equal(reader.answer(offsetFetchResponse, BY_ID)?.groups[0]?.topics[0]?.partitions[0]?.committedOffset, 5);
  });

  test("are forgotten on request", async () => {
    await ask(API.commit, BY_ID, commitOf(topicId, 5));
    const topics = ["t", "no"].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] }));
    const answer = await ask(API.offsetDelete, 0, { groupId: "g", topics });
    deepEqual(
      [answer.errorCode, answer.topics.map(({ partitions }) => partitions[0]?.errorCode)],
      [ErrorCode.NONE, [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]],
    );
    const { groups } = await ask(API.fetch, BY_ID, { groups: [{ groupId: "g", topics: null }] });
    deepEqual(groups[0]?.topics, []);
  });
});

test("FindCoordinator names this node for groups, and says what there is none for", async () => {
  for (const version of versionsOf(findCoordinatorRequest)) {
    const answer = await ask(API.find, version, version < 4 ? { key: "g" } : { keyType: 0, coordinatorKeys: ["g", "h"] });
    const found = version < 4 ? [answer] : answer.coordinators;
    deepEqual(
      found.map(({ nodeId, host, port, errorCode }) => [nodeId, host, port, errorCode]),
      found.map(() => [1, "10.0.0.1", 9092, ErrorCode.NONE]),
    );
  }
  for (const [keyType, code] of [
    [1, ErrorCode.UNSUPPORTED_VERSION],
    [2, ErrorCode.UNSUPPORTED_VERSION],
    [9, ErrorCode.INVALID_REQUEST],
  ] as const)
    equal((await ask(API.find, 6, { keyType, coordinatorKeys: ["k"] })).coordinators[0]?.errorCode, code);
});

const NAMED = { protocolType: "consumer", protocolName: "range" };
const protocols = [{ name: "range", metadata: Buffer.from("sub") }];
const joinOf = (memberId = "", more = {}) => ({
  groupId: "g",
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 20_000,
  memberId,
  protocolType: "consumer",
  protocols,
  ...more,
});

/** One member in a stable generation. */
async function stableMember(): Promise<Readonly<{ memberId: string; generation: number }>> {
  const told = await ask(API.join, 9, joinOf());
  equal(told.errorCode, ErrorCode.MEMBER_ID_REQUIRED);
  client.send(joinGroupRequest, 9, joinOf(told.memberId));
  await fixture.settle(Promise.resolve());
  fixture.clock.advance(DELAY_MS);
  const joined = await answerOf(API.join, 9, client);
  deepEqual([joined.errorCode, joined.generationId, joined.leader, joined.protocolName], [ErrorCode.NONE, 1, told.memberId, "range"]);
  const assignments = [{ memberId: told.memberId, assignment: Buffer.from("mine") }];
  const synced = await ask(API.sync, 5, { groupId: "g", generationId: 1, memberId: told.memberId, ...NAMED, assignments });
  deepEqual([synced.errorCode, Buffer.from(synced.assignment).toString()], [ErrorCode.NONE, "mine"]);
  return { memberId: told.memberId, generation: 1 };
}

describe("a group", () => {
  test("is joined, kept alive, described, listed, left and deleted in every version", async () => {
    const { memberId, generation } = await stableMember();
    for (const version of versionsOf(heartbeatRequest))
      equal((await ask(API.heartbeat, version, { groupId: "g", generationId: generation, memberId })).errorCode, ErrorCode.NONE);
    for (const version of versionsOf(syncGroupRequest)) {
      const synced = await ask(API.sync, version, {
        groupId: "g",
        generationId: generation,
        memberId,
        ...(version < 5 ? {} : NAMED),
        assignments: [],
      });
      equal(Buffer.from(synced.assignment).toString(), "mine");
    }
    const unnamed = await ask(API.sync, 5, { groupId: "g", generationId: generation, memberId, assignments: [] });
    equal(unnamed.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    for (const version of versionsOf(describeGroupsRequest)) {
      const { groups } = await ask(API.describe, version, { groups: ["g", "none"], includeAuthorizedOperations: false });
      const [mine, none] = groups;
      deepEqual([mine?.groupState, mine?.protocolType, mine?.protocolData], ["Stable", "consumer", "range"]);
      deepEqual(
        mine?.members.map((member) => [
          member.memberId,
          member.clientId,
          member.clientHost,
          Buffer.from(member.memberAssignment).toString(),
        ]),
        [[memberId, "test", "/10.0.0.9", "mine"]],
      );
      deepEqual([none?.groupState, none?.errorCode], ["Dead", version < 6 ? ErrorCode.NONE : ErrorCode.GROUP_ID_NOT_FOUND]);
    }
    for (const version of versionsOf(listGroupsRequest)) {
      const { groups } = await ask(API.list, version, { statesFilter: [], typesFilter: [] });
      deepEqual(
        groups.map((group) => [group.groupId, group.groupState, group.groupType]),
        [["g", version < 4 ? "" : "Stable", version < 5 ? "" : "classic"]],
      );
    }
    equal((await ask(API.remove, 2, { groupsNames: ["g"] })).results[0]?.errorCode, ErrorCode.NON_EMPTY_GROUP);
    equal((await ask(API.leave, 5, { groupId: "g", members: [{ memberId }] })).members[0]?.errorCode, ErrorCode.NONE);
    deepEqual((await ask(API.list, 5, { statesFilter: ["empty"], typesFilter: [] })).groups.length, 1);
    deepEqual((await ask(API.list, 5, { statesFilter: ["Stable"], typesFilter: [] })).groups.length, 0);
    deepEqual(
      (await ask(API.remove, 2, { groupsNames: ["g", "none"] })).results.map(({ errorCode }) => errorCode),
      [ErrorCode.NONE, ErrorCode.GROUP_ID_NOT_FOUND],
    );
    deepEqual((await ask(API.list, 5, { statesFilter: [], typesFilter: [] })).groups, []);
  });

  test("goes on where it was when its coordinator begins anew", async () => {
    const topicId = await fixture.createTopic("t");
    const { memberId, generation } = await stableMember();
    await ask(API.commit, BY_ID, commitOf(topicId, 7, 0, { memberId, generationIdOrMemberEpoch: generation }));
    fixture.restartGroups();
    equal((await ask(API.heartbeat, 4, { groupId: "g", generationId: generation, memberId })).errorCode, ErrorCode.NONE);
    const { groups } = await ask(API.fetch, BY_ID, { groups: [{ groupId: "g", topics: null }] });
    equal(groups[0]?.topics[0]?.partitions[0]?.committedOffset, 7);
  });

  test("whose member is not heard of for its session goes on without it", async () => {
    const { memberId, generation } = await stableMember();
    fixture.clock.advance(10_001);
    const beaten = await ask(API.heartbeat, 4, { groupId: "g", generationId: generation, memberId });
    equal(beaten.errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("is told once, however often a request names it", async () => {
    await stableMember();
    const often = Array.from({ length: 500 }, () => "g");
    const groups = ["g", ...often, ...Array.from({ length: 200 }, (_, at) => `other-${at}`)];
    const described = await ask(API.describe, 5, { groups, includeAuthorizedOperations: false });
    deepEqual([described.groups.length, described.groups[0]?.members.length], [201, 1]);
    const describedNew = await ask(API.describeNew, 1, { groupIds: groups, includeAuthorizedOperations: false });
    equal(describedNew.groups.length, 201);
    const found = await ask(API.find, 4, { keyType: 0, coordinatorKeys: groups });
    equal(found.coordinators.length, 201);
    const removed = await ask(API.remove, 2, { groupsNames: groups });
    equal(removed.results.length, 201);
  });

  test("waits for nobody when the process stops", async () => {
    await stableMember();
    const second = fixture.connect();
    const told = await ask(API.join, 9, joinOf(), second);
    second.send(joinGroupRequest, 9, joinOf(told.memberId));
    await fixture.settle(Promise.resolve());
    equal(second.answer(joinGroupResponse, 9), undefined);
    fixture.groups.stop();
    const answer = await answerOf(API.join, 9, second);
    ok(answer.errorCode === ErrorCode.NOT_COORDINATOR || answer.errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });

  test("whose entries the log has no room for is answered so, and goes on when it has", async () => {
    const topicId = await fixture.createTopic("t");
    const { memberId, generation } = await stableMember();
    fixture.wal.admits = -1;
    const refused = await ask(API.commit, BY_ID, commitOf(topicId, 7, 0, { memberId, generationIdOrMemberEpoch: generation }));
    equal(refused.topics[0]?.partitions[0]?.errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    fixture.wal.admits = 0;
    const again = await ask(API.commit, BY_ID, commitOf(topicId, 7, 0, { memberId, generationIdOrMemberEpoch: generation }));
    equal(again.topics[0]?.partitions[0]?.errorCode, ErrorCode.NONE);
  });
});

describe("a group whose coordinator assigns", () => {
  const MEMBER = "AAAAAAAAQACAAAAAAAAAAQ";
  const beat = (
    version: number,
    memberEpoch: number,
    more: Partial<MessageInput<typeof consumerGroupHeartbeatRequest>> = {},
    memberId = MEMBER,
  ) => ask(API.beat, version, { groupId: "new", memberId, memberEpoch, ...more });
  const joining = { rebalanceTimeoutMs: 10_000, subscribedTopicNames: ["t"], topicPartitions: [] };

  test("gives a member its partitions, shows it, and lets it go", async () => {
    const topicId = await fixture.createTopic("t", 3);
    const joined = await beat(1, 0, joining);
    deepEqual([joined.errorCode, joined.memberEpoch > 0, joined.memberId], [ErrorCode.NONE, true, MEMBER]);
    deepEqual(joined.assignment?.topicPartitions, [{ topicId, partitions: [0, 1, 2] }]);
    const owned = [{ topicId, partitions: [0, 1, 2] }];
    equal((await beat(1, joined.memberEpoch, { topicPartitions: owned })).errorCode, ErrorCode.NONE);
    for (const version of versionsOf(consumerGroupDescribeRequest)) {
      const { groups } = await ask(API.describeNew, version, { groupIds: ["new", "none"], includeAuthorizedOperations: true });
      const [group, none] = groups;
      deepEqual([group?.groupState, group?.assignorName, group?.members.length], ["Stable", "uniform", 1]);
      const [member] = group?.members ?? [];
      deepEqual(member?.assignment.topicPartitions, [{ topicId, topicName: "t", partitions: [0, 1, 2] }]);
      deepEqual([member?.memberType, member?.clientHost], [version === 0 ? -1 : 1, "/10.0.0.9"]);
      equal(none?.errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
    }
    const { groups } = await ask(API.list, 5, { statesFilter: [], typesFilter: ["consumer"] });
    deepEqual(
      groups.map(({ groupId, groupType, protocolType }) => [groupId, groupType, protocolType]),
      [["new", "consumer", "consumer"]],
    );
    const committed = await ask(
      API.commit,
      BY_ID,
      commitOf(topicId, 4, 0, { groupId: "new", memberId: MEMBER, generationIdOrMemberEpoch: joined.memberEpoch }),
    );
    equal(committed.topics[0]?.partitions[0]?.errorCode, ErrorCode.NONE);
    const stale = await ask(
      API.commit,
      BY_ID,
      commitOf(topicId, 2, 0, { groupId: "new", memberId: MEMBER, generationIdOrMemberEpoch: joined.memberEpoch - 1 }),
    );
    equal(stale.topics[0]?.partitions[0]?.errorCode, ErrorCode.STALE_MEMBER_EPOCH);
    equal((await beat(1, -1)).errorCode, ErrorCode.NONE);
    equal((await ask(API.describeNew, 1, { groupIds: ["new"], includeAuthorizedOperations: false })).groups[0]?.groupState, "Empty");
  });

  test("assigns partitions that are added while it runs", async () => {
    const topicId = await fixture.createTopic("t", 1);
    const { memberEpoch } = await beat(1, 0, joining);
    await fixture.settle(fixture.controller.createPartitions([{ name: "t", count: 2, assignments: undefined }], false));
    await fixture.settle(Promise.resolve());
    const grown = await beat(1, memberEpoch, { topicPartitions: [{ topicId, partitions: [0] }] });
    deepEqual(grown.assignment?.topicPartitions, [{ topicId, partitions: [0, 1] }]);
  });

  test("finds the topics of an expression, those that come later, too, and shows it", async () => {
    const first = await fixture.createTopic("orders-1", 1);
    await fixture.createTopic("others", 1);
    const wish = { ...joining, subscribedTopicNames: null, subscribedTopicRegex: "orders-.*" };
    const joined = await beat(1, 0, wish);
    deepEqual(joined.assignment?.topicPartitions, [{ topicId: first, partitions: [0] }]);
    const second = await fixture.createTopic("orders-2", 1);
    await fixture.settle(Promise.resolve());
    const grown = await beat(1, joined.memberEpoch, { topicPartitions: [{ topicId: first, partitions: [0] }] });
    deepEqual(
      grown.assignment?.topicPartitions.map(({ topicId }) => topicId),
      [first, second],
    );
    const { groups } = await ask(API.describeNew, 1, { groupIds: ["new"], includeAuthorizedOperations: false });
    const [shown] = groups[0]?.members ?? [];
    deepEqual([shown?.subscribedTopicRegex, shown?.subscribedTopicNames], ["orders-.*", []]);
    fixture.restartGroups();
    equal((await beat(1, grown.memberEpoch)).errorCode, ErrorCode.NONE);
    const refused = await beat(1, grown.memberEpoch, { subscribedTopicRegex: "orders-[" });
    equal(refused.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION);
    ok(refused.errorMessage?.includes("missing closing ]"));
  });

  test("names a member that brings no id, in the first version", async () => {
    await fixture.createTopic("t", 1);
    const joined = await beat(0, 0, joining, "");
    ok((joined.memberId ?? "").length > 0);
  });
});
