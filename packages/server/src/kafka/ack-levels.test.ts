// Goal: each level of acknowledgement is answered when its brokers have the batch, no earlier and no later, and refused when there are too few of them.
// Method: this broker leads, with a log that a test makes durable; what the two others have is what the test says.
import { deepEqual, equal } from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { produceRequest, produceResponse } from "@tidemq/protocol/messages/00-produce.ts";
import { type BatchOptions, buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { type KafkaClient, KafkaFixture } from "../testing/kafka-fixture.ts";
import { PRODUCE_SWEEP_MS } from "./limits.ts";

const VERSION = 12;
const { NONE, NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER_APPEND, INVALID_REQUIRED_ACKS, REQUEST_TIMED_OUT } = ErrorCode;

let fixture: KafkaFixture;

beforeEach(async () => {
  fixture = await KafkaFixture.open({}, {}, true);
  await fixture.addBroker(2);
  await fixture.addBroker(3);
  await fixture.placeTopic("t", [1, 2, 3]);
});

function send(acks: number, options: BatchOptions = {}): KafkaClient {
  const client = fixture.connect();
  const records = Buffer.from(buildBatch([{ timestampMs: 0, value: Buffer.from("v") }], options));
  client.send(produceRequest, VERSION, { acks, timeoutMs: 1_000, topicData: [{ name: "t", partitionData: [{ index: 0, records }] }] });
  fixture.listener.flush();
  return client;
}

/** Error and offset; undefined: not answered. */
function answerOf(client: KafkaClient): readonly [number, number] | undefined {
  const part = client.answer(produceResponse, VERSION)?.responses[0]?.partitionResponses[0];
  return part === undefined ? undefined : [part.errorCode, part.baseOffset];
}

async function setMinimum(value: string): Promise<void> {
  const changes = [{ name: "min.insync.replicas", operation: "set", value }] as const;
  await fixture.settle(fixture.controller.alterTopicConfigs("t", changes, false));
}

test("the leader's disk is enough for acks 1; readers and acks all wait for the set", () => {
  const one = send(1);
  const all = send(-1);
  equal(answerOf(one), undefined, "not durable here");
  fixture.sync();
  deepEqual(answerOf(one), [NONE, 0]);
  equal(fixture.partition("t").highWatermark, 0);
  fixture.acknowledge("t", 2, 2);
  equal(answerOf(all), undefined);
  fixture.acknowledge("t", 3, 2);
  deepEqual(answerOf(all), [NONE, 1]);
  equal(fixture.partition("t").highWatermark, 2);
});

test("acks 1 does not hear of what others have and the leader has not", () => {
  const one = send(1);
  fixture.acknowledge("t", 2, 1);
  fixture.acknowledge("t", 3, 1);
  equal(answerOf(one), undefined);
});

test("the majority, and any two, are two of three; three are all", () => {
  const [majority, two, three] = [send(-2), send(2), send(3)];
  fixture.sync();
  for (const client of [majority, two, three]) equal(answerOf(client), undefined);
  fixture.acknowledge("t", 3, 3);
  deepEqual([majority, two, three].map(answerOf), [[NONE, 0], [NONE, 1], undefined]);
  equal(fixture.partition("t").highWatermark, 0, "only the answer is hastened");
  fixture.acknowledge("t", 2, 3);
  deepEqual(answerOf(three), [NONE, 2]);
});

test("more than there are replicas is no level, more than are in sync is too few", async () => {
  deepEqual(answerOf(send(4)), [INVALID_REQUIRED_ACKS, -1]);
  deepEqual(answerOf(send(-3)), [INVALID_REQUIRED_ACKS, -1]);
  await fixture.fence(3);
  deepEqual(answerOf(send(3)), [NOT_ENOUGH_REPLICAS, -1]);
  equal(fixture.partition("t").logEnd, 0, "nothing is written");
});

test("acks all is refused while the set is smaller than its minimum; other levels do not ask for that", async () => {
  await fixture.fence(3);
  const before = send(-1);
  await setMinimum("3");
  deepEqual(answerOf(send(-1)), [NOT_ENOUGH_REPLICAS, -1]);
  equal(fixture.partition("t").logEnd, 1);
  const one = send(1);
  fixture.sync();
  deepEqual(answerOf(one), [NONE, 1]);
  fixture.acknowledge("t", 2, 2);
  deepEqual(answerOf(before), [NOT_ENOUGH_REPLICAS_AFTER_APPEND, -1], "it is with all members, and they are too few");
});

test("the minimum is at most the number of replicas", async () => {
  await setMinimum("9");
  const all = send(-1);
  fixture.sync();
  for (const follower of [2, 3]) fixture.acknowledge("t", follower, 1);
  deepEqual(answerOf(all), [NONE, 0]);
});

test("who asked for three, of whom one leaves, hears that they are too few when the rest has it", async () => {
  const three = send(3);
  fixture.sync();
  await fixture.fence(3);
  equal(answerOf(three), undefined);
  fixture.acknowledge("t", 2, 1);
  deepEqual(answerOf(three), [NOT_ENOUGH_REPLICAS_AFTER_APPEND, -1]);
});

test("a retry of what is not committed waits for that, with its level", () => {
  const sequence = { producerId: 9, producerEpoch: 0, baseSequence: 0 };
  const first = send(-1, sequence);
  fixture.sync();
  const retry = send(-1, sequence);
  deepEqual(answerOf(send(1, sequence)), [NONE, 0], "the leader has it");
  equal(answerOf(retry), undefined);
  for (const follower of [2, 3]) fixture.acknowledge("t", follower, 1);
  deepEqual(
    [answerOf(first), answerOf(retry)],
    [
      [NONE, 0],
      [NONE, 0],
    ],
  );
  equal(fixture.partition("t").logEnd, 1);
});

test("what is not with the set in time may or may not have happened", () => {
  const all = send(-1);
  fixture.sync();
  fixture.acknowledge("t", 2, 1);
  fixture.clock.advance(1_000 + PRODUCE_SWEEP_MS);
  fixture.listener.flush();
  deepEqual(answerOf(all), [REQUEST_TIMED_OUT, -1]);
  fixture.acknowledge("t", 3, 1);
  equal(answerOf(all), undefined, "it is answered once");
});

test("who waits when another leads hears that, whatever the level", async () => {
  const [two, all] = [send(2), send(-1)];
  await fixture.fence(1);
  fixture.listener.flush();
  for (const client of [two, all]) deepEqual(answerOf(client), [ErrorCode.NOT_LEADER_OR_FOLLOWER, -1]);
});
