import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { Clock } from "../io/clock.ts";
import { TurnShare } from "../quota/turn-share.ts";
import { KafkaFixture } from "../testing/kafka-fixture.ts";
import type { ManualClock } from "../testing/manual-clock.ts";
import { topologyHash } from "./consumer/topology-hash.ts";
import type { Entry } from "./fold/entries.ts";
import { encodeEntries } from "./fold/entry-batch.ts";
import type { ConsumerMember } from "./fold/group-state.ts";
import { GroupsFold } from "./fold/groups-fold.ts";
import { GROUPS_TOPIC } from "./group-coordinator.ts";
import { ANSWERS_PER_TURN, GROUPS_PER_TURN } from "./limits.ts";
import { DEFAULT_GROUP_OPTIONS } from "./options.ts";
import { describeClassic } from "./queries.ts";
import { ShardDriver } from "./shard-driver.ts";

const T = "t".padEnd(22, "A");
const NO_EXPRESSIONS = { matching: () => undefined, known: () => undefined };
const NOTHING = new Map<string, readonly number[]>();

/** An internal partition with these entries, and the topic `t`, whose partitions a test may add to. */
async function shardOf(entries: (topology: Parameters<typeof topologyHash>[1]) => readonly Entry[], options = { isStepped: false }) {
  const fixture = await KafkaFixture.open();
  await fixture.settle(fixture.groups.ready());
  await fixture.settle(fixture.groups.readAll(() => 0)); // all of them are open then
  const partition = must(
    [...fixture.partitions.all()].find(({ identity }) => identity.topic === GROUPS_TOPIC),
    "an internal partition",
  );
  const topic = { id: T, name: "t", partitions: 1 };
  const topology = { version: 0, byId: () => topic, byName: (name: string) => (name === "t" ? topic : undefined), ...NO_EXPRESSIONS };
  for (const entry of entries(topology)) {
    const batch = encodeEntries([entry], 1_000);
    equal(partition.append(batch, 0, batch.byteLength, undefined).code, undefined);
  }
  fixture.sync();
  const turns: (() => void)[] = [];
  const clock = options.isStepped ? stepped(fixture.clock, turns) : fixture.clock;
  const times = { wallMs: 1_000_000_000 };
  const driver = new ShardDriver(partition, {
    share: new TurnShare(clock, 4),
    answers: new TurnShare(clock, 50),
    clock,
    options: DEFAULT_GROUP_OPTIONS,
    topology,
    expiryMs: () => times.wallMs,
  });
  const fold = partition.records;
  ok(fold instanceof GroupsFold);
  return { driver, clock: fixture.clock, turns, topic, fold, times };
}

/** Its turns are taken one by one by the test. */
function stepped(clock: ManualClock, turns: (() => void)[]): Clock {
  const nextTurn = (run: () => void): void => void turns.push(run);
  return { monotonicMs: () => clock.monotonicMs(), wallMs: () => clock.wallMs(), after: clock.after.bind(clock), nextTurn };
}

/** One turn, and everything that was promised in it. */
async function turn(turns: (() => void)[]): Promise<void> {
  for (const run of turns.splice(0)) run();
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
}

const classicGroup = (groupId: string, memberIds: readonly string[]): Entry => {
  const rest = { instanceId: undefined, clientId: "c", clientHost: "/h", sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000 };
  const bytes = { protocols: [{ name: "range", metadata: Uint8Array.of(1) }], assignment: Uint8Array.of(2) };
  const members = new Map(memberIds.map((id) => [id, { id, ...rest, ...bytes }]));
  const group = { kind: "classic", protocolType: "consumer", generation: 1, protocol: "range", emptySinceMs: -1 } as const;
  return { kind: "group", groupId, membership: { ...group, leader: memberIds[0], members } };
};

const heartbeat = (groupId: string, memberId: string) =>
  ({ kind: "heartbeat", groupId, memberId, generation: 1, instanceId: undefined }) as const;

function member(id: string): ConsumerMember {
  const identity = { id, instanceId: undefined, clientId: "c", clientHost: "/h", rackId: undefined };
  const rest = {
    rebalanceTimeoutMs: 60_000,
    topics: ["t"],
    expression: undefined,
    assignor: undefined,
    epoch: 1,
    previousEpoch: 0,
    classic: undefined,
  };
  return { ...identity, ...rest, assigned: NOTHING, revoking: NOTHING };
}

const offsetsOf = (groupId: string, committedAtMs = 1_000_000_000): Entry => ({
  kind: "offsets",
  groupId,
  topics: [{ topicId: T, offsets: new Map([[0, { offset: 1, leaderEpoch: -1, metadata: "", committedAtMs }]]) }],
});

const join = (groupId: string, memberId = "") =>
  ({
    kind: "join",
    ...{ groupId, memberId, memberUuid: "u", instanceId: undefined, clientId: "c", clientHost: "/h", protocolType: "consumer" },
    protocols: [{ name: "range", metadata: Uint8Array.of(1) }],
    ...{ sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000, needsKnownId: false, canSkipAssignment: true },
  }) as const;

/** Undefined until there is one. */
function answerOf<T>(promise: Promise<T>): { answer: T | undefined } {
  const box: { answer: T | undefined } = { answer: undefined };
  promise.then(
    (answer) => {
      box.answer = answer;
    },
    () => undefined,
  );
  return box;
}

test("topics that change while groups are looked at are seen by all of them", async () => {
  const one = member("m");
  const { driver, clock, topic, fold } = await shardOf((topology) => [
    { kind: "consumer-group", groupId: "first", epoch: 1, emptySinceMs: -1 },
    { kind: "member", groupId: "first", member: one },
    {
      kind: "target",
      groupId: "first",
      epoch: 1,
      assignor: "uniform",
      topologyHash: topologyHash([one], topology) ?? "",
      targets: new Map(),
    },
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

test("a coordinator begins with a thousand groups in turns; who is asked for meanwhile is there, and what it waits for stays", async () => {
  const { driver, turns } = await shardOf(() => Array.from({ length: 1_000 }, (_, at) => classicGroup(`g${at}`, ["m"])), {
    isStepped: true,
  });
  const [alive, joined] = [answerOf(driver.ask(heartbeat("g999", "m"))), answerOf(driver.ask(join("g998")))];
  const seen = answerOf(driver.read("g997", (shard) => describeClassic(shard, "g997")));
  await Promise.resolve();
  equal(alive.answer?.error, 0);
  let count = 1;
  for (; seen.answer === undefined && count < 100; count += 1) await turn(turns);
  equal(count, 1_000 / GROUPS_PER_TURN);
  equal(seen.answer?.members.length, 1);
  const errors = () => [joined, again].map(({ answer }) => answer?.error);
  const again = answerOf(driver.ask(join("g998", "m")));
  deepEqual(errors(), [undefined, undefined]);
  await turn(turns);
  deepEqual(errors(), [0, 0]);
});

test("a thousand answers that are true at once are given in turns; the others are not forgotten", async () => {
  const ids = Array.from({ length: 1_000 }, (_, at) => `m${at}`);
  const { driver, turns } = await shardOf(() => [classicGroup("g", ids)], { isStepped: true });
  const answers = ids.map((id) => answerOf(driver.ask(heartbeat("g", id))));
  const given = () => answers.filter(({ answer }) => answer !== undefined).length;
  for (let n = 1; n <= 1_000 / ANSWERS_PER_TURN; n += 1) {
    for (let more = 0; more < 10; more += 1) await Promise.resolve();
    equal(given(), n * ANSWERS_PER_TURN);
    await turn(turns);
  }
  equal(given(), 1_000);
});
