import { deepEqual, equal } from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { electLeadersRequest, electLeadersResponse } from "@tidemq/protocol/messages/43-elect-leaders.ts";
import {
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
} from "@tidemq/protocol/messages/45-alter-partition-reassignments.ts";
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from "@tidemq/protocol/messages/46-list-partition-reassignments.ts";
import { must } from "../../base/assert.ts";
import type { PartitionState } from "../../cluster/cluster-state.ts";
import { type KafkaClient, KafkaFixture } from "../../testing/kafka-fixture.ts";

const ELECT = { request: electLeadersRequest, response: electLeadersResponse };
const REASSIGN = { request: alterPartitionReassignmentsRequest, response: alterPartitionReassignmentsResponse };
const LIST = { request: listPartitionReassignmentsRequest, response: listPartitionReassignmentsResponse };
const PREFERRED = 0;
const UNCLEAN = 1;

let fixture: KafkaFixture;
let client: KafkaClient;

/** Brokers 1 to 4; partition 0 of `t` on 1, 2, 3 and partition 1 on 2, 3, 1. */
beforeEach(async () => {
  fixture = await KafkaFixture.open();
  client = fixture.connect();
  for (const id of [2, 3, 4]) await fixture.addBroker(id);
  await fixture.placeTopic("t", [1, 2, 3], [2, 3, 1]);
});

function partition(index: number): PartitionState {
  return must(fixture.controller.state.partition("t", index), "partition");
}

/** As its leader would propose it. */
function setInSync(index: number, ...brokers: readonly number[]): Promise<readonly number[]> {
  const { id: partitionId, leader, leaderEpoch, partitionEpoch } = partition(index);
  const to = brokers.map((broker) => ({ broker, brokerEpoch: must(fixture.controller.state.brokers.get(broker), "broker").epoch }));
  return fixture.settle(fixture.controller.changeInSync(leader, { partitionId, leaderEpoch, partitionEpoch, to }));
}

describe("AlterPartitionReassignments, ListPartitionReassignments", () => {
  /** Codes and texts by partition. */
  const reassign = async (wishes: Readonly<Record<number, readonly number[] | null>>, topic = "t", more = {}) => {
    const partitions = Object.entries(wishes).map(([index, replicas]) => ({ partitionIndex: Number(index), replicas }));
    const version = "allowReplicationFactorChange" in more ? 1 : 0;
    const answer = await client.ask(REASSIGN, version, { topics: [{ name: topic, partitions }], ...more });
    equal(answer.errorCode, ErrorCode.NONE);
    return answer.responses[0]?.partitions.map(({ partitionIndex, errorCode, errorMessage }) => [partitionIndex, errorCode, errorMessage]);
  };
  const running = async (topics: readonly Readonly<{ name: string; partitionIndexes: number[] }>[] | null = null) => {
    const answer = await client.ask(LIST, 0, { topics });
    equal(answer.errorCode, ErrorCode.NONE);
    return answer.topics.flatMap(({ name, partitions }) =>
      partitions.map((of) => [name, of.partitionIndex, of.replicas.join(), of.addingReplicas.join(), of.removingReplicas.join()]),
    );
  };

  test("the new replica is added, the old one goes when it is in sync", async () => {
    deepEqual(await reassign({ 0: [4, 2, 3] }), [[0, ErrorCode.NONE, null]]);
    deepEqual(await running(), [["t", 0, "4,2,3,1", "4", "1"]]);
    await setInSync(0, 1, 2, 3, 4);
    deepEqual(partition(0).replicas, [4, 2, 3]);
    deepEqual(partition(0).leader, 4, "who led has gone");
    deepEqual(await running(), []);
  });

  test("cancelled, it is as before; cancelled again, there is nothing", async () => {
    await reassign({ 0: [4, 2, 3] });
    deepEqual(await reassign({ 0: null }), [[0, ErrorCode.NONE, null]]);
    deepEqual(partition(0).replicas, [1, 2, 3]);
    deepEqual(
      (await reassign({ 0: null }))?.map(([, code]) => code),
      [ErrorCode.NO_REASSIGNMENT_IN_PROGRESS],
    );
  });

  test("another number of replicas, unless that is forbidden", async () => {
    deepEqual(await reassign({ 0: [1] }), [[0, ErrorCode.NONE, null]]);
    deepEqual(partition(0).replicas, [1]);
    const text = "The replication factor is changed from 1 to 2";
    deepEqual(await reassign({ 0: [1, 2] }, "t", { allowReplicationFactorChange: false }), [
      [0, ErrorCode.INVALID_REPLICATION_FACTOR, text],
    ]);
    deepEqual(await reassign({ 0: [1, 2] }, "t", { allowReplicationFactorChange: true }), [[0, ErrorCode.NONE, null]]);
    deepEqual(await running([{ name: "t", partitionIndexes: [0, 0, 1, 9] }]), [["t", 0, "1,2", "2", ""]]);
    deepEqual(await running([{ name: "absent", partitionIndexes: [0] }]), []);
  });

  test("each partition by itself", async () => {
    const invalid = (text: string) => `The manual partition assignment includes ${text}`;
    deepEqual(await reassign({ 0: [9, 1, 2], 1: [2, 3, 4], 2: [1] }), [
      [0, ErrorCode.INVALID_REPLICA_ASSIGNMENT, invalid("broker 9, but no such broker is registered.")],
      [1, ErrorCode.NONE, null],
      [2, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."],
    ]);
    deepEqual(await reassign({ 0: [] }), [[0, ErrorCode.INVALID_REPLICA_ASSIGNMENT, invalid("an empty replica list.")]]);
    deepEqual(
      (await reassign({ 0: [1] }, "absent"))?.map(([, code]) => code),
      [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    );
  });

  test("more than are done at once: all, in order", async () => {
    const many = 600;
    await fixture.placeTopic("many", ...Array.from({ length: many }, () => [1]));
    const wishes = Object.fromEntries(Array.from({ length: many }, (_, index) => [index, [2, 1]]));
    deepEqual(
      await reassign(wishes, "many"),
      Array.from({ length: many }, (_, index) => [index, ErrorCode.NONE, null]),
    );
    equal((await running()).length, many);
  });

  test("internal topics, by their names", async () => {
    await fixture.settle(fixture.controller.createInternalTopic("@own", 1));
    const { replicas } = must(fixture.controller.state.partition("@own", 0), "partition");
    const target = [1, 2].filter((broker) => !replicas.includes(broker)).slice(0, 1);
    deepEqual(await reassign({ 0: target }, "@own"), [[0, ErrorCode.NONE, null]]);
    deepEqual(await running(), [["@own", 0, [...target, ...replicas].join(), target.join(), replicas.join()]]);
  });
});

describe("ElectLeaders", () => {
  const elect = async (electionType: number, partitions: readonly number[] | null, version = 2) => {
    const topicPartitions = partitions === null ? null : [{ topic: "t", partitions }];
    const answer = await client.ask(ELECT, version, { ...(version === 0 ? {} : { electionType }), topicPartitions });
    equal(answer.errorCode, ErrorCode.NONE);
    return answer.replicaElectionResults.flatMap(({ partitionResult }) => partitionResult.map((of) => [of.partitionId, of.errorCode]));
  };

  test("the preferred leader takes over again, in each version", async () => {
    for (const version of [0, 1, 2]) {
      const { id, leaderEpoch } = partition(0);
      await fixture.settle(fixture.controller.electLeader(id, leaderEpoch, 3));
      deepEqual(await elect(PREFERRED, version === 2 ? null : [0, 1, 7], version), [
        [0, ErrorCode.NONE],
        ...(version === 2
          ? []
          : [
              [1, ErrorCode.ELECTION_NOT_NEEDED],
              [7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
            ]),
      ]);
      equal(partition(0).leader, 1);
    }
  });

  test("not one that is not in sync, nor one that is not there", async () => {
    await fixture.settle(fixture.controller.electLeader(partition(0).id, 0, 3));
    await setInSync(0, 2, 3);
    await fixture.fence(2);
    deepEqual(await elect(PREFERRED, null), [
      [0, ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE],
      [1, ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE],
    ]);
    deepEqual([partition(0).leader, partition(1).leader], [3, 3]);
  });

  test("an unclean one is refused, and says what to do", async () => {
    await fixture.placeTopic("lost", [2], [3]);
    const log = { host: "h", rack: "", walId: "another", walIndex: 0, walDamaged: false };
    await fixture.settle(fixture.controller.registerBroker({ id: 2, ...log }));
    await fixture.fence(3);
    const topicPartitions = [{ topic: "lost", partitions: [0, 1] }];
    const answer = await client.ask(ELECT, 2, { electionType: UNCLEAN, topicPartitions });
    deepEqual(
      answer.replicaElectionResults[0]?.partitionResult.map(({ errorCode, errorMessage }) => [errorCode, errorMessage]),
      [
        [
          ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
          "broker 2 was in sync last, and has lost its log: bring that back, or give up what it held with `tidemq partition recover lost:0 --accept-loss`",
        ],
        [ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE, "what was acknowledged is on broker 3: it leads when it is back"],
      ],
    );
    deepEqual(await elect(UNCLEAN, [0]), [[0, ErrorCode.ELECTION_NOT_NEEDED]]);
    equal((await client.ask(ELECT, 2, { electionType: 7, topicPartitions })).errorCode, ErrorCode.INVALID_REQUEST);
  });
});
