import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { KafkaFixture } from "../testing/kafka-fixture.ts";
import { topologyHash } from "./consumer/topology-hash.ts";
import type { Entry } from "./fold/entries.ts";
import { encodeEntries } from "./fold/entry-codec.ts";
import type { ConsumerMember } from "./fold/group-state.ts";
import { GroupsFold } from "./fold/groups-fold.ts";
import { GROUPS_TOPIC } from "./group-coordinator.ts";
import { DEFAULT_GROUP_OPTIONS } from "./options.ts";
import { ShardDriver } from "./shard-driver.ts";
import { TurnShare } from "./turn-share.ts";

const T = "t".padEnd(22, "A");
const NOTHING = new Map<string, readonly number[]>();

/** An internal partition with these entries, and the topic `t`, whose partitions a test may add to. */
async function shardOf(entries: (topology: Parameters<typeof topologyHash>[1]) => readonly Entry[]) {
  const fixture = await KafkaFixture.open();
  await fixture.settle(fixture.groups.ready());
  await fixture.settle(fixture.groups.readAll(() => 0)); // all of them are open then
  const partition = must(
    [...fixture.partitions.all()].find(({ identity }) => identity.topic === GROUPS_TOPIC),
    "an internal partition",
  );
  const topic = { id: T, name: "t", partitions: 1 };
  const topology = { byId: () => topic, byName: (name: string) => (name === "t" ? topic : undefined) };
  for (const entry of entries(topology)) {
    const batch = encodeEntries([entry], 1_000);
    equal(partition.append(batch, 0, batch.byteLength, undefined).code, undefined);
  }
  const { clock } = fixture;
  const times = { wallMs: 1_000_000_000 };
  const driver = new ShardDriver(partition, {
    share: new TurnShare(clock),
    clock,
    options: DEFAULT_GROUP_OPTIONS,
    topology,
    expiryMs: () => times.wallMs,
  });
  const fold = partition.records;
  ok(fold instanceof GroupsFold);
  return { driver, clock, topic, fold, times };
}

function member(id: string): ConsumerMember {
  const identity = { id, instanceId: undefined, clientId: "c", clientHost: "/h", rackId: undefined };
  const rest = { rebalanceTimeoutMs: 60_000, topics: ["t"], assignor: undefined, epoch: 1, previousEpoch: 0, classic: undefined };
  return { ...identity, ...rest, assigned: NOTHING, revoking: NOTHING };
}

const offsetsOf = (groupId: string, committedAtMs = 1_000_000_000): Entry => ({
  kind: "offsets",
  groupId,
  topics: [{ topicId: T, offsets: new Map([[0, { offset: 1, leaderEpoch: -1, metadata: "", committedAtMs }]]) }],
});

test("topics that change while groups are looked at are seen by all of them", async () => {
  const one = member("m");
  const { driver, clock, topic, fold } = await shardOf((topology) => [
    { kind: "consumer-group", groupId: "first", epoch: 1, emptySinceMs: -1 },
    { kind: "member", groupId: "first", member: one },
    { kind: "target", groupId: "first", epoch: 1, assignor: "uniform", topologyHash: topologyHash([one], topology), targets: new Map() },
    ...Array.from({ length: 200 }, (_, at) => offsetsOf(`g${at}`)),
  ]);
  const epoch = () => {
    const membership = fold.groups.get("first")?.membership;
    return membership?.kind === "consumer" ? membership.epoch : undefined;
  };
  driver.sweep(() => {});
  equal(epoch(), 1);
  topic.partitions = 2;
  driver.sweep(() => {});
  clock.turns();
  equal(epoch(), 2);
  equal(fold.groups.size, 201);
});

test("all partitions of groups are looked at one after the other, also when that is asked for again meanwhile", async () => {
  const fixture = await KafkaFixture.open();
  await fixture.settle(fixture.groups.ready());
  await fixture.settle(fixture.groups.readAll(() => 0));
  const wall = fixture.clock.wallMs() - 2 * DEFAULT_GROUP_OPTIONS.offsetsRetentionMs;
  let count = 0;
  for (const partition of fixture.partitions.all()) {
    const batch = encodeEntries([offsetsOf(`g${count}`, wall)], wall);
    equal(partition.append(batch, 0, batch.byteLength, undefined).code, undefined);
    count += 1;
  }
  const left = () => [...fixture.partitions.all()].reduce((sum, { records }) => sum + (records as GroupsFold).groups.size, 0);
  const change = () => fixture.groups.applied([{ kind: "partition-created", partitionId: 1_000 }]);
  change();
  equal(left(), count - 1);
  change();
  fixture.clock.turns();
  equal(left(), 0);
});

test("what is old is judged by a clock of its own", async () => {
  const { driver, clock, fold, times } = await shardOf(() => [offsetsOf("g")]);
  // The clock of the machine is decades ahead.
  driver.sweep(() => {});
  clock.turns();
  equal(fold.groups.size, 1);
  times.wallMs += DEFAULT_GROUP_OPTIONS.offsetsRetentionMs;
  driver.sweep(() => {});
  clock.turns();
  equal(fold.groups.size, 0);
});
