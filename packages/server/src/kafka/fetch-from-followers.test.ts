// Goal: consumers read in their own rack what is committed, and go back to the leader when they cannot.
// Method: broker 1 leads or follows, with a log in memory; the test says what the others have, and what the leader has said.
import { deepEqual, equal } from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { fetchRequest, fetchResponse } from "@tidemq/protocol/messages/01-fetch.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { must } from "../base/assert.ts";
import type { Partition } from "../partition/partition.ts";
import { type KafkaClient, KafkaFixture } from "../testing/kafka-fixture.ts";

const VERSION = 12;
const { NONE, NOT_LEADER_OR_FOLLOWER, OFFSET_OUT_OF_RANGE, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH } = ErrorCode;
const LEADER_ITSELF = -1;

type Asked = Readonly<{ offset?: number; rack?: string; epoch?: number; version?: number; waitMs?: number }>;

let fixture: KafkaFixture;
let client: KafkaClient;

beforeEach(async () => {
  await open();
});

async function open(options: Parameters<typeof KafkaFixture.open>[0] = {}): Promise<void> {
  fixture = await KafkaFixture.open(options, {}, true);
  await fixture.addBroker(2, undefined, "east");
  await fixture.addBroker(3, undefined, "west");
  await fixture.placeTopic("led", [1, 2, 3]);
  await fixture.placeTopic("followed", [2, 3, 1]);
  client = fixture.connect();
}

function send(topic: string, { offset = 0, rack = "", epoch = -1, version = VERSION, waitMs = 0 }: Asked): void {
  const partitions = [{ partition: 0, currentLeaderEpoch: epoch, fetchOffset: offset, partitionMaxBytes: 10_000 }];
  client.send(fetchRequest, version, { maxWaitMs: waitMs, minBytes: 1, maxBytes: 10_000, rackId: rack, topics: [{ topic, partitions }] });
}

function answer(version = VERSION) {
  fixture.listener.flush();
  const part = client.answer(fetchResponse, version)?.responses[0]?.partitions[0];
  if (part === undefined) return undefined;
  const records = Buffer.concat([part.records ?? []].flat()).byteLength > 0;
  return { error: part.errorCode, nearest: part.preferredReadReplica, records, mark: part.highWatermark };
}

function ask(topic: string, asked: Asked = {}) {
  send(topic, asked);
  return must(answer(asked.version), "an answer");
}

function batchOf(count: number): Uint8Array {
  return buildBatch(
    Array.from({ length: count }, () => ({ timestampMs: 0, value: Buffer.from("v") })),
    {},
  );
}

describe("the leader", () => {
  beforeEach(() => write(2));

  function write(count: number): void {
    const bytes = batchOf(count);
    fixture.partition("led").append(bytes, 0, bytes.byteLength, undefined);
    fixture.sync();
  }

  function has(end: number, ...followers: readonly number[]): void {
    for (const broker of followers) fixture.acknowledge("led", broker, end);
  }

  test("names the follower in the client's rack, without records, and without waiting", () => {
    has(2, 2, 3);
    deepEqual(ask("led", { rack: "east" }), { error: NONE, nearest: 2, records: false, mark: 2 });
    deepEqual(ask("led", { rack: "west", offset: 2, waitMs: 1_000 }), { error: NONE, nearest: 3, records: false, mark: 2 });
    const itself = { error: NONE, nearest: LEADER_ITSELF, records: true, mark: 2 };
    for (const rack of ["", "north"]) deepEqual(ask("led", { rack }), itself);
    deepEqual(ask("led", { rack: "east", version: 10 }), itself);
  });

  test("names nobody who has not what is asked for, is fenced, or has said nothing", async () => {
    has(2, 3);
    equal(ask("led", { rack: "east" }).nearest, LEADER_ITSELF, "broker 2 has said nothing");
    has(2, 2);
    write(1);
    has(3, 3);
    equal(ask("led", { rack: "east", offset: 3 }).nearest, LEADER_ITSELF);
    equal(ask("led", { rack: "east", offset: 2 }).nearest, 2);
    await fixture.fence(2);
    equal(ask("led", { rack: "east" }).nearest, LEADER_ITSELF);
  });

  test("a range that does not exist is refused by the leader", () => {
    has(2, 2, 3);
    equal(ask("led", { rack: "east", offset: 3 }).error, OFFSET_OUT_OF_RANGE);
  });

  test("serves everybody itself when it is told to", async () => {
    await open({ fetchFromFollowers: false });
    write(2);
    has(2, 2, 3);
    deepEqual(ask("led", { rack: "east" }), { error: NONE, nearest: LEADER_ITSELF, records: true, mark: 2 });
  });
});

describe("a follower", () => {
  let partition: Partition;

  beforeEach(() => {
    partition = followed();
    append(2);
  });

  function followed(): Partition {
    const id = must(fixture.controller.state.topicsByName.get("followed")?.partitions[0], "the partition");
    return must(fixture.partitions.followed(id), "the partition that is followed");
  }

  function append(count: number): void {
    const bytes = batchOf(count);
    partition.wal.append(bytes, 0, bytes.byteLength, partition.logEnd, 0, 0);
  }

  test("serves what it knows to be committed, as a leader does, and nothing beyond", () => {
    equal(ask("followed").records, false, "nobody has said that it is");
    partition.learnMark(2);
    deepEqual(ask("followed"), { error: NONE, nearest: LEADER_ITSELF, records: true, mark: 2 });
    append(1);
    equal(ask("followed", { offset: 2 }).records, false);
    equal(ask("followed", { offset: 4 }).error, OFFSET_OUT_OF_RANGE);
  });

  test("who waits there is woken when the leader says how far it is committed", () => {
    partition.learnMark(2);
    append(1);
    send("followed", { offset: 2, waitMs: 60_000 });
    equal(answer(), undefined);
    partition.learnMark(3);
    deepEqual(answer(), { error: NONE, nearest: LEADER_ITSELF, records: true, mark: 3 });
  });

  test("what is uploaded is committed, though the leader has not said so", () => {
    partition.uploadedMoved(2);
    deepEqual(ask("followed"), { error: NONE, nearest: LEADER_ITSELF, records: true, mark: 2 });
  });

  test("clients that do not know of that are sent to the leader", () => {
    partition.learnMark(2);
    equal(ask("followed", { version: 10 }).error, NOT_LEADER_OR_FOLLOWER);
  });

  test("the client's leader epoch is compared with the one that the metadata has here", () => {
    partition.learnMark(2);
    equal(ask("followed", { epoch: 0 }).error, NONE);
    equal(ask("followed", { epoch: 1 }).error, UNKNOWN_LEADER_EPOCH);
  });

  test("an epoch that is over is fenced", async () => {
    partition.learnMark(2);
    await fixture.fence(2);
    equal(ask("followed", { epoch: 0 }).error, FENCED_LEADER_EPOCH);
    equal(ask("followed", { epoch: 1 }).records, true);
  });

  test("a broker that is not in sync answers nobody", async () => {
    partition.learnMark(2);
    await fixture.fence(1);
    equal(ask("followed").error, NOT_LEADER_OR_FOLLOWER);
  });

  test("who waits when the topic goes is told so", async () => {
    partition.learnMark(2);
    send("followed", { offset: 2, waitMs: 60_000 });
    await fixture.settle(fixture.controller.deleteTopics([{ name: "followed", topicId: undefined }]));
    equal(answer()?.error, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });
});

test("who waits at a leader that follows from then on is woken by what its leader says", async () => {
  await fixture.placeTopic("moved", [2, 1, 3]);
  await fixture.fence(2);
  await fixture.addBroker(2, undefined, "east");
  fixture.acknowledge("moved", 2, 0);
  await fixture.settle(Promise.resolve());
  const partition = fixture.partition("moved");
  send("moved", { waitMs: 60_000 });
  await fixture.settle(fixture.controller.electPreferred(partition.identity.id));
  equal(answer(), undefined);
  const bytes = batchOf(1);
  partition.wal.append(bytes, 0, bytes.byteLength, 0, 2, 0);
  partition.learnMark(1);
  deepEqual(answer(), { error: NONE, nearest: LEADER_ITSELF, records: true, mark: 1 });
});
