import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { encodeMessage } from "@tidemq/protocol/codec.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "@tidemq/protocol/messages/consumer-protocol.ts";
import type { Message, MessageInput } from "@tidemq/protocol/schema.ts";
import { API, type Api } from "./apis.ts";
import type { ClientError } from "./errors.ts";
import { type Scene, scene } from "./testing/scripted-client.ts";

const QUICK = {
  requestTimeoutMs: 1_000,
  connectTimeoutMs: 200,
  operationTimeoutMs: 5_000,
  backOff: { firstMs: 10, longestMs: 100 },
} as const;

/** Answers to one request are these, one after the other, then the last again and again. */
function answering(api: Api, answers: readonly MessageInput<Message>[], nodeIds: readonly number[] = [1]): Scene {
  const made = scene(QUICK, nodeIds);
  let at = 0;
  made.cluster.script = (request) => {
    if (request.api.key !== api.key) return "answer";
    at += 1;
    return { answer: answers[Math.min(at, answers.length) - 1] ?? {} };
  };
  return made;
}

function inner(kind: Message, version: number, value: MessageInput<Message>): Uint8Array {
  const writer = new ByteWriter();
  writer.int16(version);
  encodeMessage(kind, Math.min(version, 3), value, writer);
  return writer.finish();
}

const NEW = {
  errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
  groupId: "g",
  groupState: "",
  groupEpoch: 0,
  assignmentEpoch: 0,
  assignorName: "",
  members: [],
};

test("groups of all brokers, by name, of some states", async () => {
  const groups = [
    { groupId: "b", protocolType: "consumer", groupState: "Stable", groupType: "consumer" },
    { groupId: "a", protocolType: "consumer", groupState: "Empty", groupType: "classic" },
  ];
  const { world, client, cluster } = answering(API.listGroups, [{ errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS }, { groups }], [1, 2]);
  deepEqual(await world.run(client.groups.list()), [
    { groupId: "a", protocolType: "consumer", state: "Empty", type: "classic" },
    { groupId: "b", protocolType: "consumer", state: "Stable", type: "consumer" },
  ]);
  deepEqual(new Set(cluster.requests.filter(({ api }) => api === API.listGroups).map(({ nodeId }) => nodeId)), new Set([1, 2]));
  deepEqual(
    (await world.run(client.groups.list({ states: ["stable"] }))).map(({ groupId }) => groupId),
    ["b"],
  );
  deepEqual(
    (await world.run(client.groups.list({ types: ["Classic"] }))).map(({ groupId }) => groupId),
    ["a"],
  );
});

test("a broker that ends while groups are listed is not waited for: its groups are with the others", async () => {
  const { world, client, cluster } = scene({ ...QUICK, bootstrapTimeoutMs: 0 }, [1, 2, 3]);
  const group = (groupId: string) => ({ groupId, protocolType: "consumer", groupState: "Stable", groupType: "consumer" });
  const here = new Map([
    [1, ["a"]],
    [2, ["b"]],
    [3, ["c"]],
  ]);
  cluster.script = ({ api, nodeId }) => {
    if (api.key !== API.listGroups.key) return "answer";
    if (nodeId !== 2) return { answer: { groups: (here.get(nodeId) ?? []).map(group) } };
    here.set(3, ["c", "b"]);
    cluster.stop(2);
    return "close";
  };
  const listed = await world.run(client.groups.list());
  deepEqual(
    listed.map(({ groupId }) => groupId),
    ["a", "b", "c"],
  );
});

test("a broker that has answered is asked again, even by who would not wait for one to come up", async () => {
  const { world, client, cluster } = scene({ ...QUICK, bootstrapTimeoutMs: 0 }, [1, 2]);
  cluster.groups.coordinator = 7;
  world.after(300, () => {
    cluster.groups.coordinator = 2;
  });
  deepEqual(await world.run(client.groups.offsets("g")), []);
  cluster.stop(1);
  cluster.stop(2);
  await rejects(world.run(client.groups.offsets("g")), (error: ClientError) => error.retriable);
});

test("members of a classic group: what can be read of them, and what cannot", async () => {
  const members = [
    {
      memberId: "m-1",
      groupInstanceId: "i-1",
      clientId: "c",
      clientHost: "/10.0.0.1",
      memberMetadata: inner(consumerProtocolSubscription, 9, { topics: ["t"], userData: null }),
      memberAssignment: inner(consumerProtocolAssignment, 1, { assignedPartitions: [{ topic: "t", partitions: [0, 2] }], userData: null }),
    },
    { memberId: "m-2", clientId: "", clientHost: "h", memberMetadata: Buffer.from([0, 1, 99]), memberAssignment: Buffer.alloc(0) },
  ];
  const group = { errorCode: 0, groupId: "g", groupState: "Stable", protocolType: "consumer", protocolData: "range", members };
  const made = scene(QUICK);
  made.cluster.script = ({ api }) => {
    if (api.key === API.consumerGroupDescribe.key) return { answer: { throttleTimeMs: 0, groups: [NEW] } };
    return api.key === API.describeGroups.key ? { answer: { throttleTimeMs: 0, groups: [group] } } : "answer";
  };
  const described = await made.world.run(made.client.groups.describe("g"));
  deepEqual([described.type, described.state, described.assignor, described.coordinator], ["classic", "Stable", "range", 1]);
  deepEqual(
    described.members.map(({ instanceId, host, topics, assignment }) => [instanceId, host, topics, assignment]),
    [
      ["i-1", "10.0.0.1", ["t"], [{ topic: "t", partitions: [0, 2] }]],
      [undefined, "h", [], []],
    ],
  );
});

test("a group that older brokers call dead is not found", async () => {
  const made = scene(QUICK);
  const dead = { errorCode: 0, groupId: "g", groupState: "Dead", protocolType: "", protocolData: "", members: [] };
  made.cluster.versions = new Map([
    [API.describeGroups.key, { min: 0, max: 2 }],
    [API.findCoordinator.key, { min: 0, max: 2 }],
    [API.consumerGroupDescribe.key, { min: 9, max: 9 }],
  ]);
  made.cluster.script = ({ api }) => (api.key === API.describeGroups.key ? { answer: { groups: [dead] } } : "answer");
  await rejects(made.world.run(made.client.groups.describe("g")), (error: ClientError) => error.code === "GROUP_ID_NOT_FOUND");
});

test("the coordinator is found again when it is another one; a deletion whose answer is lost is not repeated", async () => {
  const made = scene(QUICK, [1, 2]);
  made.cluster.createTopic("t", 1);
  const { world, client, cluster } = made;
  await world.run(client.groups.commit("g", [{ topic: "t", partition: 0, offset: 1 }]));
  cluster.groups.coordinator = 2;
  await world.run(client.groups.commit("g", [{ topic: "t", partition: 0, offset: 2 }]));
  cluster.stop(2);
  world.after(1_000, () => {
    cluster.groups.coordinator = 1;
  });
  await world.run(client.groups.commit("g", [{ topic: "t", partition: 0, offset: 3 }]));
  equal(cluster.groups.offsets.get("g t 0"), 3);
  cluster.script = ({ api }) => (api.key === API.deleteGroups.key ? "close" : "answer");
  await rejects(world.run(client.groups.delete("g")), (error: ClientError) => error.code === "CONNECTION_CLOSED");
  equal(cluster.requests.filter(({ api }) => api.key === API.deleteGroups.key).length, 1);
});

test("progress: lag, and partitions that are gone", async () => {
  const made = scene({ ...QUICK, unknownTopicMs: 0 });
  made.cluster.createTopic("t", 2);
  const topics = ["t", "gone"].map((name) => ({
    name,
    partitions: [{ partitionIndex: 0, committedOffset: 0, metadata: "", errorCode: 0 }],
  }));
  made.cluster.script = ({ api }) =>
    api.key === API.offsetFetch.key ? { answer: { throttleTimeMs: 0, groups: [{ groupId: "g", topics, errorCode: 0 }] } } : "answer";
  const progress = await made.world.run(
    made.client.groups.progress("g", [
      { topic: "t", partition: 0 },
      { topic: "t", partition: 1 },
    ]),
  );
  deepEqual(
    progress.map(({ topic, offset, end, lag }) => [topic, offset, end, lag]),
    [
      ["gone", 0, undefined, undefined],
      ["t", 0, 0, 0],
      ["t", undefined, 0, undefined],
    ],
  );
});
