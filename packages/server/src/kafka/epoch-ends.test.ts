// Goal: a consumer that looks whether what it has read was cut off, as it does when the leader has changed, goes back only when that is so.
// Method: this broker leads with what others may not have; clients ask where leader epochs end.
import { deepEqual, equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { offsetForLeaderEpochRequest, offsetForLeaderEpochResponse } from "@tidemq/protocol/messages/23-offset-for-leader-epoch.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { KafkaFixture } from "../testing/kafka-fixture.ts";
import { append } from "../testing/partition-fixture.ts";

const RECORDS = 3;
const VERSION = 4;

test("an epoch ends where its records do, though a new leader does not know yet that all of them are committed", async () => {
  const fixture = await KafkaFixture.open({}, {}, true);
  await fixture.addBroker(2);
  await fixture.placeTopic("t", [1, 2]);
  const client = fixture.connect();
  const endOf = async (leaderEpoch: number) => {
    const topics = [{ topic: "t", partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch }] }];
    const answer = await client.ask({ request: offsetForLeaderEpochRequest, response: offsetForLeaderEpochResponse }, VERSION, { topics });
    const [found] = answer.topics[0]?.partitions ?? [];
    return [found?.errorCode, found?.leaderEpoch, found?.endOffset];
  };
  for (let n = 0; n < RECORDS; n += 1) append(fixture.partition("t"), buildBatch([{ timestampMs: 0, value: Buffer.from("v") }], {}));
  fixture.sync();
  fixture.acknowledge("t", 2, 1);
  const before = fixture.partition("t").leaderEpoch;
  deepEqual(await endOf(before), [ErrorCode.NONE, before, RECORDS]);

  await fixture.fence(2);
  await fixture.fence(1);
  await fixture.settle(fixture.controller.electLeaders(1));
  const { leaderEpoch, highWatermark } = fixture.partition("t");
  notEqual(leaderEpoch, before);
  equal(highWatermark, 1);
  deepEqual(await endOf(before), [ErrorCode.NONE, before, RECORDS]);
  deepEqual(await endOf(leaderEpoch), [ErrorCode.NONE, leaderEpoch, RECORDS]);
});
