import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { Message, MessageInput } from "@tidemq/protocol/schema.ts";
import { API } from "./apis.ts";
import { Client } from "./client.ts";
import type { ClientError } from "./errors.ts";
import { Metadata } from "./metadata.ts";
import { pauseMs } from "./retry.ts";
import { scene } from "./testing/scripted-client.ts";
import type { ScriptedLog } from "./testing/scripted-log.ts";

const QUICK = { requestTimeoutMs: 500, connectTimeoutMs: 200, unknownTopicMs: 300, backOff: { firstMs: 10, longestMs: 100 } } as const;

test("one bootstrap address that answers is enough", async () => {
  const { world, transport, cluster } = scene();
  cluster.createTopic("t", 1);
  const dead = [
    { host: "dead-1", port: 1 },
    { host: "dead-2", port: 1 },
  ];
  const client = new Client(
    { bootstrap: [...dead, cluster.addressOf(1)], bootstrapTimeoutMs: 0 },
    { transport, clock: world, random: world },
  );
  const [topic] = await world.run(client.cluster.topics(["t"]));
  equal(topic?.partitions.length, 1);
});

test("none that answers is an error that names them all, at once or after the time given", async () => {
  const { world, transport } = scene();
  for (const bootstrapTimeoutMs of [0, 2_000]) {
    const beganMs = world.monotonicMs();
    const options = {
      ...QUICK,
      bootstrap: [
        { host: "a", port: 1 },
        { host: "b", port: 2 },
      ],
      bootstrapTimeoutMs,
    };
    const client = new Client(options, { transport, clock: world, random: world });
    await rejects(
      world.run(client.cluster.topics(["t"])),
      (error: ClientError) => error.code === "NO_BROKER" && error.message.includes("a:1") && error.message.includes("b:2"),
    );
    const tookMs = world.monotonicMs() - beganMs;
    ok(tookMs <= bootstrapTimeoutMs + 100 && tookMs >= bootstrapTimeoutMs * 0.9, `${tookMs} ms`);
  }
});

test("a broker that comes up in time is found", async () => {
  const { world, cluster, client } = scene({ ...QUICK, bootstrapTimeoutMs: 5_000 });
  cluster.createTopic("t", 1);
  cluster.stop(1);
  world.after(2_000, () => cluster.start(1));
  equal((await world.run(client.cluster.topics(["t"]))).length, 1);
});

test("a topic that is there a moment later is found, one that is not is an error", async () => {
  const { world, cluster, client } = scene(QUICK);
  world.after(150, () => void cluster.createTopic("late", 1));
  equal((await world.run(client.cluster.topics(["late"])))[0]?.name, "late");
  await rejects(
    world.run(client.cluster.topics(["never"])),
    (error: ClientError) => error.code === "UNKNOWN_TOPIC_OR_PARTITION" && error.place.topic === "never",
  );
  ok(world.monotonicMs() < 1_500);
});

test("the connection to a bootstrap address is kept for the broker that it led to", async () => {
  const { world, transport, cluster, client } = scene(QUICK);
  cluster.createTopic("t", 1);
  await world.run(client.cluster.topics(["t"]));
  await world.run(client.admin.listOffsets([{ topic: "t", partition: 0, at: "latest" }]));
  equal(transport.connections, 1);
  cluster.stop(1);
  await world.pass(10);
  cluster.start(1);
  await world.run(client.admin.listOffsets([{ topic: "t", partition: 0, at: "latest" }]));
  equal(transport.connections, 2);
});

test("many who ask at once share one request", async () => {
  const { world, cluster, client } = scene(QUICK);
  for (const name of ["a", "b", "c"]) cluster.createTopic(name, 1);
  await world.run(Promise.all(["a", "b", "c", "a"].map((name) => client.cluster.topics([name]))));
  ok(cluster.requests.filter(({ api }) => api.key === API.metadata.key).length <= 2);
});

test("an address that cannot be reached from here is explained", async () => {
  const { world, transport, cluster } = scene();
  cluster.createTopic("t", 1);
  const front = { host: "front", port: 9092 };
  // What is reached is the broker, but it names an address where nothing listens.
  const served = cluster.addressOf(1);
  transport.alias(front, served);
  transport.unlisten(served);
  const client = new Client(
    { ...QUICK, bootstrap: [front], operationTimeoutMs: 0, bootstrapTimeoutMs: 0 },
    { transport, clock: world, random: world },
  );
  const offsets = client.admin.listOffsets([{ topic: "t", partition: 0, at: "latest" }]);
  await rejects(
    world.run(offsets),
    (error: ClientError) =>
      error.code === "CONNECTION_FAILED" && error.message.includes("broker-1:9092") && error.next.includes("--advertise"),
  );
});

test("offsets of many partitions of two brokers, while a leader moves", async () => {
  const { world, cluster, client } = scene(QUICK, [1, 2]);
  const logs = cluster.createTopic("t", 4);
  await world.run(client.cluster.topics(["t"]));
  logs.forEach((log, i) => {
    log.end = i * 10;
    log.leader = 1 + ((i + 1) % 2);
    log.leaderEpoch = 1;
  });
  const questions = logs.flatMap((_, partition) => (["earliest", "latest"] as const).map((at) => ({ topic: "t", partition, at })));
  const answers = await world.run(client.admin.listOffsets(questions));
  deepEqual(
    answers.map(({ offset }) => offset),
    [0, 0, 0, 10, 0, 20, 0, 30],
  );
});

test("an older answer does not bring an old leader back", () => {
  const metadata = new Metadata();
  const answer = (leaderId: number, leaderEpoch: number, topicId = "A".repeat(21) + "B") => ({
    throttleTimeMs: 0,
    brokers: [],
    clusterId: "c",
    controllerId: 1,
    clusterAuthorizedOperations: 0,
    errorCode: 0,
    topics: [
      {
        errorCode: 0,
        name: "t",
        topicId,
        isInternal: false,
        topicAuthorizedOperations: 0,
        partitions: [{ errorCode: 0, partitionIndex: 0, leaderId, leaderEpoch, replicaNodes: [], isrNodes: [], offlineReplicas: [] }],
      },
    ],
  });
  metadata.update(answer(1, 5));
  metadata.update(answer(2, 4));
  equal(metadata.partition("t", 0)?.leader, 1);
  metadata.update(answer(2, 6));
  equal(metadata.partition("t", 0)?.leader, 2);
  metadata.update(answer(3, 0, "A".repeat(21) + "C"));
  equal(metadata.partition("t", 0)?.leader, 3, "a topic of the same name made anew");
});

test("a leader that cannot be reached through this listener is told from one that is not there", async () => {
  const { world, client, cluster } = scene({ ...QUICK, operationTimeoutMs: 100 });
  cluster.createTopic("t", 1);
  const known = await world.run(client.admin.request(API.metadata, 12, { topics: [{ name: "t" }] }));
  for (const [errorCode, name] of [
    [ErrorCode.LISTENER_NOT_FOUND, "LISTENER_NOT_FOUND"],
    [ErrorCode.LEADER_NOT_AVAILABLE, "LEADER_NOT_AVAILABLE"],
  ] as const) {
    const topics = known.topics.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((partition) => ({ ...partition, errorCode, leaderId: -1 })),
    }));
    cluster.script = ({ api }) => (api.key === API.metadata.key ? { answer: { ...known, topics } } : "answer");
    await rejects(world.run(client.cluster.leader("t", 0)), (error: ClientError) => error.code === name && error.retriable);
    client.cluster.markStale();
  }
});

test("pauses grow, stay within their bounds, and differ", () => {
  const random = { uint32: () => 0x8000_0000 };
  const backOff = { firstMs: 10, longestMs: 100 };
  deepEqual(
    [1, 2, 3, 4, 5, 1000].map((failures) => Math.round(pauseMs(backOff, failures, random))),
    [10, 20, 40, 80, 100, 100],
  );
  equal(Math.round(pauseMs(backOff, 1, { uint32: () => 0 })), 8);
});

test("the controller is asked, and its successor after it moved", async () => {
  const { world, client, cluster } = scene(QUICK, [1, 2]);
  const [log] = cluster.createTopic("t", 1);
  (log as ScriptedLog).leader = 1;
  let answered = 0;
  cluster.script = (request) => {
    if (request.api.key !== API.createPartitions.key) return "answer";
    answered += 1;
    const errorCode = answered === 1 ? 41 : 0;
    return { answer: { throttleTimeMs: 0, results: [{ name: "t", errorCode, errorMessage: null }] } };
  };
  await world.run(client.admin.addPartitions("t", 1, false));
  equal(answered, 2);
});

test("a topic that was created is waited for, though nobody knows it yet", async () => {
  const { world, client, cluster } = scene({ ...QUICK, unknownTopicMs: 0 });
  cluster.script = (request) => {
    if (request.api.key !== API.createTopics.key) return "answer";
    world.after(400, () => void cluster.createTopic("new", 1));
    return { answer: { throttleTimeMs: 0, topics: [{ name: "new", errorCode: 0, errorMessage: null, numPartitions: 1 }] } };
  };
  equal((await world.run(client.admin.createTopic({ name: "new" }))).partitions, 1);
  equal(client.cluster.ledNow("new", 0)?.nodeId, 1);
});

test("a broker that is cut off from the others and knows nothing new does not keep a client from the new leader", async () => {
  const { world, client, cluster } = scene(QUICK, [1, 2, 3]);
  const [log] = cluster.createTopic("t", 1) as [ScriptedLog];
  const producer = client.producer({ lingerMs: 0 });
  await world.run(producer.send({ topic: "t", value: "a" }));
  const asked = cluster.requests.find(({ api }) => api.key === API.metadata.key)?.nodeId ?? 0;
  const old = (await world.run(client.admin.request(API.metadata, 12, { topics: [{ name: "t" }] }))) as MessageInput<Message>;
  log.leader = asked === 3 ? 1 : 3;
  log.leaderEpoch = 1;
  cluster.script = ({ api, nodeId }) => (api.key === API.metadata.key && nodeId === asked ? { answer: old } : "answer");
  equal((await world.run(producer.send({ topic: "t", value: "b" }))).offset, 1);
  ok(world.monotonicMs() < 5_000, `${world.monotonicMs()} ms`);
});

test("a broker that does not answer while it is asked in doubt holds up nobody", async () => {
  const { world, client, cluster } = scene({ ...QUICK, requestTimeoutMs: 60_000, connectTimeoutMs: 60_000 }, [1, 2, 3]);
  const [log] = cluster.createTopic("t", 1) as [ScriptedLog];
  await world.run(client.cluster.topics(["t"]));
  const asked = cluster.requests.find(({ api }) => api.key === API.metadata.key)?.nodeId ?? 0;
  cluster.script = ({ nodeId }) => (nodeId === asked ? "answer" : "ignore");
  log.leader = asked;
  log.leaderEpoch = 1;
  for (let i = 0; i < 5; i += 1) await world.run(client.cluster.refresh());
  ok(world.monotonicMs() < 1_000, `${world.monotonicMs()} ms`);
  equal(client.cluster.ledNow("t", 0)?.nodeId, asked);
});

test("changes go to the new controller when the one that is known does not answer any more", async () => {
  const { world, client, cluster } = scene(QUICK, [1, 2]);
  const [log] = cluster.createTopic("t", 1);
  (log as ScriptedLog).leader = 2;
  await world.run(client.cluster.topics(["t"]));
  equal(client.cluster.metadata.controllerId, 1);
  cluster.stop(1);
  await world.pass(10);
  const asked: number[] = [];
  cluster.script = (request) => {
    if (request.api.key !== API.createPartitions.key) return "answer";
    asked.push(request.nodeId);
    return { answer: { throttleTimeMs: 0, results: [{ name: "t", errorCode: 0, errorMessage: null }] } };
  };
  await world.run(client.admin.addPartitions("t", 1));
  deepEqual(asked, [2]);
});

test("a connection that comes up to where its broker is not any more is closed", async () => {
  const { world, transport, client, cluster } = scene(QUICK);
  await world.run(client.cluster.refresh());
  const moved = { host: "moved", port: 1 };
  transport.alias(moved, cluster.addressOf(1));
  const first = client.cluster.connection(1, "lane");
  const { metadata } = client.cluster;
  metadata.brokers = new Map([[1, { nodeId: 1, address: moved, rack: undefined }]]);
  const [old, current] = await world.run(Promise.all([first, client.cluster.connection(1, "lane")]));
  deepEqual([old.isOpen, current.isOpen], [false, true]);
});
