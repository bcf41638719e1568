import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { produceRequest, produceResponse } from "@tidemq/protocol/messages/00-produce.ts";
import { fetchRequest, fetchResponse } from "@tidemq/protocol/messages/01-fetch.ts";
import { listOffsetsRequest, listOffsetsResponse } from "@tidemq/protocol/messages/02-list-offsets.ts";
import { metadataRequest, metadataResponse } from "@tidemq/protocol/messages/03-metadata.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { type KafkaClient, KafkaFixture } from "../testing/kafka-fixture.ts";

const produce = { request: produceRequest, response: produceResponse };
const fetch = { request: fetchRequest, response: fetchResponse };
const listOffsets = { request: listOffsetsRequest, response: listOffsetsResponse };
const metadata = { request: metadataRequest, response: metadataResponse };

async function errorsOf(client: KafkaClient, name: string) {
  const records = Buffer.from(buildBatch([{ timestampMs: 0, value: Buffer.from("v") }], {}));
  const part = { index: 0, records };
  const produced = await client.ask(produce, 12, { acks: -1, timeoutMs: 1, topicData: [{ name, partitionData: [part] }] });
  const fetched = await client.ask(fetch, 12, {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [{ topic: name, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
  });
  const listed = await client.ask(listOffsets, 7, {
    replicaId: -1,
    topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
  });
  const [described] = (await client.ask(metadata, 12, { topics: [{ name }] })).topics;
  return {
    produce: produced.responses[0]?.partitionResponses[0]?.errorCode,
    fetch: fetched.responses[0]?.partitions[0]?.errorCode,
    listOffsets: listed.topics[0]?.partitions[0]?.errorCode,
    metadata: described?.errorCode,
    leader: described?.partitions[0]?.leaderId,
  };
}

async function listedTopics(client: KafkaClient): Promise<(string | null)[]> {
  return (await client.ask(metadata, 12, { topics: null })).topics.map((topic) => topic.name);
}

test("a topic whose log was lost is not listed, and clients are told to look for a leader; others are served", async () => {
  const fixture = await KafkaFixture.open();
  const client = fixture.connect();
  await fixture.createTopic("lost");
  const walId = "another log";
  equal(
    (await fixture.settle(fixture.controller.registerBroker({ id: 1, host: "h", rack: "", walId, walIndex: 0, walDamaged: false })))
      .offline,
    1,
  );
  await fixture.settle(fixture.controller.electLeaders(1));
  await fixture.createTopic("later");
  deepEqual(await listedTopics(client), ["later"]);
  const { NOT_LEADER_OR_FOLLOWER, LEADER_NOT_AVAILABLE, NONE } = ErrorCode;
  deepEqual(await errorsOf(client, "lost"), {
    produce: NOT_LEADER_OR_FOLLOWER,
    fetch: NOT_LEADER_OR_FOLLOWER,
    listOffsets: NOT_LEADER_OR_FOLLOWER,
    metadata: LEADER_NOT_AVAILABLE,
    leader: undefined,
  });
  await fixture.settle(fixture.controller.acceptLogLoss(1, 1));
  deepEqual(await listedTopics(client), ["lost", "later"]);
  fixture.partition("lost");
  deepEqual(await metadataOf(client, "lost"), [NONE, 1]);
});

async function metadataOf(client: KafkaClient, name: string) {
  const [topic] = (await client.ask(metadata, 12, { topics: [{ name }] })).topics;
  return [topic?.errorCode, topic?.partitions[0]?.leaderId];
}
