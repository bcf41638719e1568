// Goal: members share what there is, each record is handed out at least once, and commits are never ahead of what was handed out.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { OffsetFetchRequest } from "@tidemq/protocol/messages/09-offset-fetch.ts";
import type { ConsumerGroupHeartbeatRequest } from "@tidemq/protocol/messages/68-consumer-group-heartbeat.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { API } from "./apis.ts";
import type { ClientError } from "./errors.ts";
import type { GroupConsumer } from "./group-consumer.ts";
import type { GroupConsumerOptions } from "./group-consumer-options.ts";
import { type Scene, scene } from "./testing/scripted-client.ts";
import type { ScriptedRequest } from "./testing/scripted-cluster.ts";

const QUICK = { requestTimeoutMs: 1_000, connectTimeoutMs: 200, backOff: { firstMs: 10, longestMs: 100 } } as const;
const EARLIEST = { from: "earliest" } as const;

/** Topic t, each partition with so many batches of one record: "0.1" is partition 0, offset 1. */
function filled(batches: number, partitions: number, nodeIds: readonly number[] = [1]): Scene {
  const made = scene(QUICK, nodeIds);
  made.cluster.createTopic("t", partitions).forEach((log, partition) => {
    for (let i = 0; i < batches; i += 1) log.append(buildBatch([{ timestampMs: 1_000, value: Buffer.from(`${partition}.${i}`) }]));
  });
  return made;
}

function member({ client }: Scene, options: Partial<GroupConsumerOptions> = EARLIEST, topics: readonly string[] = ["t"]): GroupConsumer {
  const consumer = client.groupConsumer("g", options);
  consumer.subscribe(topics);
  return consumer;
}

async function take({ world }: Scene, consumer: GroupConsumer, count: number): Promise<string[]> {
  const values: string[] = [];
  while (values.length < count) {
    const batch = await world.run(consumer.next());
    if (batch === undefined) break;
    values.push(...batch.records().map((record) => Buffer.from(record.value ?? []).toString()));
  }
  return values;
}

/** Reads until it is closed. */
async function readAll(consumer: GroupConsumer, seen: string[]): Promise<void> {
  for await (const batch of consumer) seen.push(...batch.records().map((record) => Buffer.from(record.value ?? []).toString()));
}

function heartbeats({ cluster }: Scene, memberId: string): ConsumerGroupHeartbeatRequest[] {
  const all = cluster.requests.filter(({ api }) => api.key === API.consumerGroupHeartbeat.key);
  return all.map(({ body }) => body as ConsumerGroupHeartbeatRequest).filter((body) => body.memberId === memberId);
}

function indexes(consumer: GroupConsumer): number[] {
  return consumer.assignment.map(({ partition }) => partition).sort((a, b) => a - b);
}

function committed({ cluster }: Scene): (number | undefined)[] {
  return [0, 1, 2, 3].map((partition) => cluster.groups.offsets.get(`g t ${partition}`));
}

test("joins, reads, says what it has, commits and leaves", async () => {
  const made = filled(2, 2);
  const consumer = member(made);
  deepEqual((await take(made, consumer, 4)).sort(), ["0.0", "0.1", "1.0", "1.1"]);
  await made.world.pass(3_000);
  const said = heartbeats(made, consumer.memberId);
  deepEqual([said[0]?.memberEpoch, said[0]?.subscribedTopicNames, said[0]?.topicPartitions], [0, ["t"], []]);
  deepEqual([said[1]?.memberEpoch, said[1]?.subscribedTopicNames, said[1]?.topicPartitions?.[0]?.partitions], [2, null, [0, 1]]);
  deepEqual([said[2]?.topicPartitions, said[2]?.rebalanceTimeoutMs], [null, -1], "nothing new, nothing said");
  const waiting = consumer.next();
  await made.world.run(consumer.close());
  equal(await waiting, undefined);
  deepEqual(committed(made), [2, 2, undefined, undefined]);
  equal(heartbeats(made, consumer.memberId).at(-1)?.memberEpoch, -1);
  deepEqual(made.cluster.groups.members, []);
  equal(await consumer.next(), undefined);
});

test("a member that says its rack reads from the replica there", async () => {
  const made = filled(2, 1, [1, 2]);
  const log = made.cluster.log("t", 0);
  log?.followers.set(2, Number.POSITIVE_INFINITY);
  log?.nearest.set("b", 2);
  const consumer = member(made, { ...EARLIEST, rackId: "b" });
  deepEqual(await take(made, consumer, 2), ["0.0", "0.1"]);
  equal(heartbeats(made, consumer.memberId)[0]?.rackId, "b");
  deepEqual(
    made.cluster.requests
      .filter(({ api }) => api.key === API.fetch.key)
      .map(({ nodeId }) => nodeId)
      .slice(0, 2),
    [1, 2],
  );
});

test("what was handed out is committed after the next call, not before", async () => {
  const made = filled(3, 1);
  const consumer = member(made, { ...EARLIEST, bufferBytesMax: 1 });
  deepEqual(await take(made, consumer, 1), ["0.0"]);
  await made.world.pass(12_000);
  equal(committed(made)[0], undefined, "the record is still being dealt with");
  deepEqual(await take(made, consumer, 1), ["0.1"]);
  await made.world.pass(6_000);
  equal(committed(made)[0], 1);
  await made.world.run(consumer.close());
  equal(committed(made)[0], 1);
  const second = member(made);
  deepEqual(await take(made, second, 2), ["0.1", "0.2"], "the second record comes again");
  await made.world.run(second.commit());
  equal(committed(made)[0], 3);
});

test("explicit commits: everything handed out, or exactly this, but nothing that was not handed out", async () => {
  const made = filled(5, 1);
  const consumer = member(made, { ...EARLIEST, autoCommit: false });
  await take(made, consumer, 3);
  await made.world.run(consumer.commit([{ topic: "t", partition: 0, offset: 2 }]));
  equal(committed(made)[0], 2);
  await made.world.run(consumer.commit());
  equal(committed(made)[0], 3);
  for (const [partition, offset] of [
    [0, 4],
    [0, -1],
    [1, 0],
  ] as const) {
    await rejects(
      made.world.run(consumer.commit([{ topic: "t", partition, offset }])),
      (error: ClientError) => error.code === "INVALID_ARGUMENT",
    );
  }
  await take(made, consumer, 2);
  await made.world.run(consumer.close());
  equal(committed(made)[0], 3, "nothing is committed by itself");
});

test("an explicit commit inside a batch is not taken back at the end", async () => {
  const made = filled(0, 1);
  const record = (n: number) => ({ timestampMs: 1_000, value: Buffer.from(`0.${n}`) });
  made.cluster.log("t", 0)?.append(buildBatch([record(0), record(1), record(2)]));
  const consumer = member(made);
  equal((await take(made, consumer, 1)).length, 3);
  await made.world.run(consumer.commit([{ topic: "t", partition: 0, offset: 2 }]));
  await made.world.run(consumer.close());
  equal(committed(made)[0], 2);
  deepEqual(await take(made, member(made), 1), ["0.2"]);
});

test("begins behind the last record, and keeps that place though nothing came", async () => {
  const made = filled(3, 1);
  const consumer = member(made, {});
  const waiting = consumer.next();
  await made.world.pass(6_000);
  equal(committed(made)[0], 3);
  made.client.abort();
  equal(await waiting, undefined);
});

test("a second member gets its share when the first has committed and given it up; and gives it back", async () => {
  const made = filled(4, 4);
  const events: string[] = [];
  const first = member(made, {
    ...EARLIEST,
    onAssigned: (places) => events.push(`+${places.map((one) => one.partition).join("")}`),
    onRevoked: (places) => void events.push(`-${places.map((one) => one.partition).join("")}`),
  });
  const seen: string[] = [];
  const reading = readAll(first, seen);
  await made.world.pass(500);
  equal(seen.length, 16);
  const second = member(made);
  const seenBySecond: string[] = [];
  const readingToo = readAll(second, seenBySecond);
  await made.world.pass(5_000);
  deepEqual(
    [indexes(first), indexes(second)],
    [
      [0, 2],
      [1, 3],
    ],
  );
  deepEqual(events, ["+0123", "-13"]);
  deepEqual(seenBySecond, [], "what the first had read was committed");
  made.cluster.log("t", 1)?.append(buildBatch([{ timestampMs: 1_000, value: Buffer.from("1.4") }]));
  await made.world.pass(1_000);
  deepEqual(seenBySecond, ["1.4"]);
  await made.world.run(second.close());
  await readingToo;
  await made.world.pass(5_000);
  deepEqual(indexes(first), [0, 1, 2, 3]);
  await made.world.run(first.close());
  await reading;
  deepEqual(committed(made), [4, 5, 4, 4]);
});

test("a record in hand keeps the partition for a while, and comes again elsewhere when that takes too long", async () => {
  const made = filled(1, 2);
  const first = member(made, { ...EARLIEST, handOverMsMax: 4_000 });
  await take(made, first, 2);
  const second = member(made);
  const taken = second.next();
  await made.world.pass(3_000);
  deepEqual(indexes(first), [0, 1], "still in hand");
  const batch = await made.world.run(taken);
  deepEqual([batch?.partition, batch?.baseOffset], [1, 0], "at least once");
  ok(made.world.monotonicMs() > 4_000);
});

test("a member that was taken for dead loses everything, commits nothing of it and joins anew", async () => {
  const made = filled(2, 1);
  const lost: number[] = [];
  const consumer = member(made, { ...EARLIEST, onLost: (places) => lost.push(places.length) });
  await take(made, consumer, 2);
  made.cluster.groups.expire(consumer.memberId);
  made.cluster.groups.offsets.set("g t 0", 1);
  await rejects(made.world.run(consumer.commit()), (error: ClientError) => error.code === "UNKNOWN_MEMBER_ID");
  deepEqual(await take(made, consumer, 1), ["0.1"], "from the committed offset");
  deepEqual(lost, [1]);
  equal(committed(made)[0], 1);
  equal(heartbeats(made, consumer.memberId).filter((one) => one.memberEpoch === 0).length, 2);
});

test("the coordinator moves, restarts, loads; answers get lost", async () => {
  const made = filled(2, 2, [1, 2]);
  const consumer = member(made);
  const seen: string[] = [];
  const reading = readAll(consumer, seen);
  await made.world.pass(2_000);
  made.cluster.groups.coordinator = 2;
  await made.world.pass(3_000);
  equal(made.cluster.requests.findLast(({ api }) => api.key === API.consumerGroupHeartbeat.key)?.nodeId, 2);
  let faults = 0;
  made.cluster.script = ({ api }: ScriptedRequest) => {
    const isGroup = api.key === API.consumerGroupHeartbeat.key;
    if (!isGroup || faults >= 6) return "answer";
    faults += 1;
    if (faults % 3 === 0) return "close-after";
    if (faults % 3 === 1) return "ignore";
    return { answer: { throttleTimeMs: 0, errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, memberEpoch: 0, heartbeatIntervalMs: 0 } };
  };
  await made.world.pass(20_000);
  equal(faults, 6);
  equal(heartbeats(made, consumer.memberId).filter((one) => one.memberEpoch === 0).length, 1, "still the same membership");
  await made.world.run(consumer.close());
  await reading;
  deepEqual(seen.sort(), ["0.0", "0.1", "1.0", "1.1"]);
  deepEqual(committed(made), [2, 2, undefined, undefined]);
});

test("a commit is tried again with the member's epoch as it is then", async () => {
  const made = filled(2, 2);
  const consumer = member(made, { ...EARLIEST, autoCommit: false });
  await take(made, consumer, 4);
  let refused = 0;
  made.cluster.script = ({ api }) => {
    if (api.key !== API.offsetCommit.key || refused >= 2) return "answer";
    refused += 1;
    const partitions = [{ partitionIndex: 0, errorCode: ErrorCode.STALE_MEMBER_EPOCH }];
    return { answer: { throttleTimeMs: 0, topics: [{ topicId: made.client.cluster.metadata.topic("t")?.topicId ?? "", partitions }] } };
  };
  await made.world.run(consumer.commit());
  equal(refused, 2);
  deepEqual(committed(made).slice(0, 2), [2, 2]);
});

test("a closed member leaves nothing behind that would keep a process, and does not wait for a coordinator for ever", async () => {
  const made = filled(1, 1);
  const consumer = member(made);
  await take(made, consumer, 1);
  await made.world.run(consumer.close());
  const closedAtMs = made.world.monotonicMs();
  await rejects(made.world.run(new Promise(() => undefined)), /stuck/);
  ok(made.world.monotonicMs() < closedAtMs + 2_000, `${made.world.monotonicMs() - closedAtMs} ms`);

  const cut = filled(1, 1);
  const second = member(cut, { ...EARLIEST, closeTimeoutMs: 3_000 });
  await take(cut, second, 1);
  const waiting = second.next();
  await cut.world.pass(100);
  cut.cluster.stop(1);
  await rejects(cut.world.run(second.close()), (error: ClientError) => error.code === "REQUEST_TIMED_OUT");
  equal(await waiting, undefined);
  ok(cut.world.monotonicMs() < 10_000);
});

test("a static member leaves for a while", async () => {
  const made = filled(1, 1);
  const consumer = member(made, { ...EARLIEST, instanceId: "one" });
  await take(made, consumer, 1);
  await made.world.run(consumer.close());
  const last = heartbeats(made, consumer.memberId).at(-1);
  deepEqual([last?.memberEpoch, last?.instanceId], [-2, "one"]);
});

test("other topics, and one that comes to be later", async () => {
  const made = filled(1, 1);
  const consumer = member(made);
  await take(made, consumer, 1);
  consumer.subscribe(["later"]);
  const waiting = consumer.next();
  await made.world.pass(2_000);
  deepEqual(consumer.assignment, []);
  equal(committed(made)[0], 1);
  made.cluster.createTopic("later", 1)[0]?.append(buildBatch([{ timestampMs: 1_000, value: Buffer.from("here") }]));
  equal((await made.world.run(waiting))?.topic, "later");
});

test("a broker without the new protocol, or one that refuses, is a clear error, for every call", async () => {
  const made = filled(1, 1);
  made.cluster.script = ({ api }) =>
    api.key === API.consumerGroupHeartbeat.key
      ? { answer: { throttleTimeMs: 0, errorCode: ErrorCode.UNSUPPORTED_VERSION, memberEpoch: 0, heartbeatIntervalMs: 0 } }
      : "answer";
  const consumer = member(made);
  for (let i = 0; i < 2; i += 1)
    await rejects(
      made.world.run(consumer.next()),
      (error: ClientError) => error.code === "UNSUPPORTED_BY_BROKER" && /KIP-848/.test(error.message),
    );
  await made.world.run(consumer.close());
});

test("without a committed offset and without a place to begin, it is an error", async () => {
  const made = filled(1, 1);
  const consumer = member(made, { from: "fail" });
  await rejects(made.world.run(consumer.next()), (error: ClientError) => /no committed offset in t\[0\]/.test(error.message));
});

test("a damaged batch in whose middle the group was does not take its place back", async () => {
  const made = filled(0, 1);
  const record = (n: number) => ({ timestampMs: 1_000, value: Buffer.from(`0.${n}`) });
  const log = made.cluster.log("t", 0);
  log?.append(buildBatch([record(0), record(1), record(2)]));
  const damaged = log?.batches[0] as Uint8Array;
  damaged[damaged.byteLength - 1] = (damaged.at(-1) as number) ^ 1;
  made.cluster.groups.offsets.set("g t 0", 2);
  const consumer = member(made);
  await rejects(made.world.run(consumer.next()), (error: ClientError) => error.code === "CORRUPT_MESSAGE");
  const waiting = consumer.next();
  equal(consumer.position("t", 0), 2);
  await made.world.run(consumer.close());
  await waiting;
  equal(committed(made)[0], 2);
});

test("a commit that is tried again does not come after the partition was given up, over its new owner's", async () => {
  const made = filled(5, 2);
  const first = member(made, { ...EARLIEST, autoCommit: false });
  await take(made, first, 10);
  made.cluster.script = ({ api, body }) => {
    const isFirst = api.key === API.offsetCommit.key && (body as { memberId: string }).memberId === first.memberId;
    if (!isFirst || made.world.monotonicMs() > 5_000) return "answer";
    const partitions = [{ partitionIndex: 1, errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS }];
    return { answer: { throttleTimeMs: 0, topics: [{ topicId: made.client.cluster.metadata.topic("t")?.topicId ?? "", partitions }] } };
  };
  const early = first.commit([{ topic: "t", partition: 1, offset: 2 }]);
  void first.next();
  const second = member(made, { ...EARLIEST, autoCommit: false });
  await take(made, second, 3);
  await made.world.run(second.commit());
  await made.world.run(early);
  equal(committed(made)[1], second.position("t", 1));
});

test("a topic that is deleted while its offsets are asked for does not hold up the others", async () => {
  const made = filled(2, 1);
  const { cluster, world } = made;
  cluster.createTopic("u", 1);
  cluster.script = (request) => {
    if (request.api.key !== API.offsetFetch.key) return "answer";
    const [group] = (request.body as OffsetFetchRequest).groups;
    const unknown = (group?.topics ?? []).map(({ topicId, partitionIndexes }) => ({
      topicId,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: -1,
        metadata: "",
        errorCode: ErrorCode.UNKNOWN_TOPIC_ID,
      })),
    }));
    if (unknown.length < 2) return "answer";
    cluster.deleteTopic("u");
    return { answer: { throttleTimeMs: 0, groups: [{ groupId: "g", errorCode: 0, topics: unknown }] } };
  };
  const consumer = member(made, EARLIEST, ["t", "u"]);
  deepEqual(await take(made, consumer, 2), ["0.0", "0.1"]);
  ok(world.monotonicMs() < 5_000, `${world.monotonicMs()} ms`);
});

test("a broker that asks for heartbeats without a pause does not get them", async () => {
  const made = filled(1, 1);
  made.cluster.script = (request) => {
    if (request.api.key !== API.consumerGroupHeartbeat.key) return "answer";
    return { answer: { ...made.cluster.serve(request), heartbeatIntervalMs: -5 } };
  };
  const consumer = member(made);
  await take(made, consumer, 1);
  await made.world.pass(10_000);
  ok(heartbeats(made, consumer.memberId).length < 150, `${heartbeats(made, consumer.memberId).length} heartbeats in 10 s`);
});

test("a member that was thrown out long after it joined is not given up at the first trouble with joining anew", async () => {
  const made = filled(2, 1);
  const { cluster, world } = made;
  const consumer = member(made, { ...EARLIEST, autoCommit: false });
  await take(made, consumer, 2);
  await world.pass(100_000);
  let closed = 0;
  cluster.script = ({ api, body }) => {
    const joins = api.key === API.consumerGroupHeartbeat.key && (body as ConsumerGroupHeartbeatRequest).memberEpoch === 0;
    if (!joins || closed > 0) return "answer";
    closed += 1;
    return "close";
  };
  cluster.groups.expire(consumer.memberId);
  deepEqual(await take(made, consumer, 2), ["0.0", "0.1"]);
  equal(closed, 1);
});

test("a member that failed leaves the group when it is closed, so that others need not wait for the end of its session", async () => {
  const made = filled(2, 1);
  const consumer = member(made, { from: "fail" });
  await rejects(made.world.run(consumer.next()), (error: ClientError) => error.code === "INVALID_ARGUMENT");
  deepEqual(made.cluster.groups.members, [consumer.memberId]);
  await made.world.run(consumer.close());
  deepEqual(made.cluster.groups.members, []);
});
