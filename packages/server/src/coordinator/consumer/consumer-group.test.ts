import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { GroupFixture } from "../../testing/group-fixture.ts";
import type { Answer, ConsumerHeartbeatAnswer } from "../answers.ts";
import type { Assignment, ConsumerMembership } from "../fold/group-state.ts";
import type { ConsumerHeartbeatInput } from "../inputs.ts";
import { GROUP_EXPRESSIONS_MAX, TOPICS_MAX } from "../limits.ts";
import { describeConsumer, fetchOffsets, listGroups } from "../queries.ts";

const NONE = ErrorCode.NONE;
const T = "t".padEnd(22, "A");
const NOTHING: Assignment = new Map();

function beaten(answer: Answer | undefined): ConsumerHeartbeatAnswer {
  ok(answer?.kind === "consumer-heartbeat");
  return answer;
}

function groupOf(fixture: GroupFixture): ConsumerMembership {
  const membership = fixture.fold.groups.get("g")?.membership;
  ok(membership?.kind === "consumer");
  return membership;
}

/** Topic `t` with so many partitions. */
function fixtureOf(partitions: number): GroupFixture {
  const fixture = new GroupFixture();
  fixture.topic("t", partitions);
  return fixture;
}

type Fields = Partial<ConsumerHeartbeatInput>;
const beat = (fixture: GroupFixture, id: string, epoch: number, fields: Fields = {}) =>
  beaten(fixture.ask(fixture.beat(id, epoch, fields)));
const owning = (...partitions: number[]): Fields => ({ owned: new Map([[T, partitions]]) });
const partitionsOf = (answer: ConsumerHeartbeatAnswer) => answer.assignment?.get(T) ?? [];

/** `a` has 0 and 1, `b` has 2 and 3, both at epoch 2. */
function pair(fields: Fields = {}): GroupFixture {
  const fixture = fixtureOf(4);
  beat(fixture, "a", 0, fields);
  beat(fixture, "b", 0);
  beat(fixture, "a", 1, owning(0, 1, 2, 3));
  beat(fixture, "a", 1, owning(0, 1));
  const { memberEpoch, assignment } = beat(fixture, "b", 2);
  deepEqual([memberEpoch, assignment], [2, new Map([[T, [2, 3]]])]);
  return fixture;
}

test("the first member gets all, with an epoch, how often to come back, and its id when it has none", () => {
  const fixture = fixtureOf(3);
  const answer = beat(fixture, "a", 0);
  deepEqual([answer.error, answer.memberId, answer.memberEpoch, answer.heartbeatIntervalMs], [NONE, "a", 1, 5_000]);
  deepEqual(answer.assignment, new Map([[T, [0, 1, 2]]]));
  equal(beat(fixture, "a", 1).assignment, undefined);
  const older = beat(fixtureOf(1), "", 0, { bringsId: false });
  equal(older.memberId, "u1");
  equal(fixture.batches.length, 1);
});

test("a second member gets what the first has given up, and not before", () => {
  const fixture = fixtureOf(4);
  beat(fixture, "a", 0);
  const joined = beat(fixture, "b", 0);
  deepEqual([joined.memberEpoch, partitionsOf(joined)], [2, []]);
  const told = beat(fixture, "a", 1, owning(0, 1, 2, 3));
  deepEqual([told.memberEpoch, partitionsOf(told)], [1, [0, 1]]);
  equal(describeConsumer(fixture.shard, "g")?.state, "Reconciling");
  deepEqual(partitionsOf(beat(fixture, "b", 2)), []);
  equal(beat(fixture, "a", 1).memberEpoch, 1);
  equal(beat(fixture, "a", 1, owning(0, 1)).memberEpoch, 2);
  deepEqual(partitionsOf(beat(fixture, "b", 2)), [2, 3]);
  equal(describeConsumer(fixture.shard, "g")?.state, "Stable");
});

test("an answer that was lost is given again to the epoch before, if the member has nothing that it should not have", () => {
  const fixture = pair();
  equal(beat(fixture, "a", 1, owning(0)).memberEpoch, 2);
  equal(beat(fixture, "a", 1, owning(0, 3)).error, ErrorCode.FENCED_MEMBER_EPOCH);
  equal(beat(fixture, "a", 1).error, ErrorCode.FENCED_MEMBER_EPOCH);
  equal(beat(fixture, "a", 3).error, ErrorCode.FENCED_MEMBER_EPOCH);
  const again = beat(fixture, "a", 0);
  deepEqual([again.memberEpoch, partitionsOf(again)], [2, [0, 1]]);
  fixture.topic("u", 1);
  equal(beat(fixture, "a", 2, { topics: ["t", "u"] }).memberEpoch, 3);
  equal(beat(fixture, "a", 1, owning(0)).error, ErrorCode.FENCED_MEMBER_EPOCH);
});

test("an expression stands for the topics whose whole names it matches, and for those that come", () => {
  const fixture = fixtureOf(1);
  const u = fixture.topic("u-1", 1).id;
  fixture.topic("xt", 1);
  const joined = beat(fixture, "a", 0, { topics: [], expression: "t|u-[0-9]+" });
  deepEqual(
    joined.assignment,
    new Map([
      [T, [0]],
      [u, [0]],
    ]),
  );
  deepEqual(groupOf(fixture).members.get("a")?.expression, "t|u-[0-9]+");
  equal(beat(fixture, "a", 1).assignment, undefined);
  const later = fixture.topic("u-22", 2).id;
  fixture.send({ kind: "sweep", groupId: "g" });
  const grown = beat(fixture, "a", 1, {
    owned: new Map([
      [T, [0]],
      [u, [0]],
    ]),
  });
  deepEqual([grown.memberEpoch, grown.assignment?.get(later)], [2, [0, 1]]);
  fixture.topics.delete("t");
  fixture.topic("v", 1);
  fixture.send({ kind: "sweep", groupId: "g" });
  deepEqual(
    [
      ...(beat(fixture, "a", 2, {
        owned: new Map([
          [u, [0]],
          [later, [0, 1]],
        ]),
      }).assignment?.keys() ?? []),
    ],
    [u, later],
  );
  fixture.moveLeader();
  equal(groupOf(fixture).expressions.get("t|u-[0-9]+"), 1);
  equal(beat(fixture, "a", 3).error, NONE);
});

test("an expression changes, comes beside names, and goes; members with the same have the same list", () => {
  const fixture = fixtureOf(2);
  const u = fixture.topic("u", 1).id;
  beat(fixture, "a", 0, { topics: ["u"], expression: "t" });
  equal(beat(fixture, "a", 1, { expression: "t" }).memberEpoch, 1);
  const none = beat(fixture, "a", 1, { expression: "nothing", owned: new Map([[u, [0]]]) });
  deepEqual([none.memberEpoch, [...(none.assignment?.keys() ?? [])]], [2, [u]]);
  const both = beat(fixture, "a", 2, { topics: ["t"], expression: "", owned: new Map() });
  deepEqual([both.memberEpoch, both.assignment], [3, new Map([[T, [0, 1]]])]);
  equal(groupOf(fixture).expressions.size, 0);
  beat(fixture, "b", 0, { topics: undefined, expression: "t.*" });
  beat(fixture, "c", 0, { topics: undefined, expression: "t.*" });
  equal(groupOf(fixture).expressions.get("t.*"), 2);
  beat(fixture, "b", -1);
  beat(fixture, "c", -1);
  equal(groupOf(fixture).expressions.size, 0);
  equal(
    fixture.ask({ kind: "delete-offsets", groupId: "g", token: fixture.token, topics: [{ topicId: T, partitions: [0] }] })?.error,
    NONE,
  );
});

test("what is no expression, or stands for too much, is refused; the member stays", () => {
  const fixture = fixtureOf(1);
  const bad = beat(fixture, "a", 0, { topics: undefined, expression: "(t" });
  equal(bad.error, ErrorCode.INVALID_REGULAR_EXPRESSION);
  match(bad.message ?? "", /^SubscribedTopicRegex `\(t` is not a valid regular expression: .*missing closing/);
  equal(fixture.fold.groups.size, 0);
  beat(fixture, "a", 0, { topics: undefined, expression: "t" });
  equal(beat(fixture, "a", 1, { expression: "(?=t)" }).error, ErrorCode.INVALID_REGULAR_EXPRESSION);
  equal(beat(fixture, "a", 1).error, NONE);
  for (let n = 0; n < TOPICS_MAX; n += 1) fixture.topic(`w${n}`, 1);
  equal(beat(fixture, "a", 1, { expression: ".*" }).error, ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(beat(fixture, "a", 1, { expression: "w.*" }).error, NONE);
  const many = fixtureOf(1);
  for (let n = 0; n < GROUP_EXPRESSIONS_MAX; n += 1) beat(many, `m${n}`, 0, { topics: undefined, expression: `t${n}` });
  equal(beat(many, "one more", 0, { topics: undefined, expression: "t" }).error, ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(beat(many, "one more", 0, { topics: undefined, expression: "t1" }).error, NONE);
});

test("requests that contradict themselves are refused", () => {
  const fixture = fixtureOf(1);
  const error = (id: string, epoch: number, fields: Fields) => beat(fixture, id, epoch, fields).error;
  equal(error("a", 0, { groupId: "" }), ErrorCode.INVALID_REQUEST);
  equal(error("", 0, {}), ErrorCode.INVALID_REQUEST);
  equal(error("a", 0, { instanceId: "" }), ErrorCode.INVALID_REQUEST);
  equal(error("a", 0, { rackId: "" }), ErrorCode.INVALID_REQUEST);
  equal(error("a", -3, {}), ErrorCode.INVALID_REQUEST);
  equal(error("a", -2, {}), ErrorCode.INVALID_REQUEST);
  equal(error("a", 0, { rebalanceTimeoutMs: -1 }), ErrorCode.INVALID_REQUEST);
  equal(error("a", 0, { owned: undefined }), ErrorCode.INVALID_REQUEST);
  equal(error("a", 0, owning(0)), ErrorCode.INVALID_REQUEST);
  equal(error("a", 0, { topics: undefined }), ErrorCode.INVALID_REQUEST);
  equal(error("a", 0, { assignor: "sticky" }), ErrorCode.UNSUPPORTED_ASSIGNOR);
  equal(error("x".repeat(256), 0, {}), ErrorCode.INVALID_REQUEST);
  equal(error("a", 0, { topics: Array.from({ length: 10_001 }, (_, at) => `${at}`) }), ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(error("a", 1, {}), ErrorCode.GROUP_ID_NOT_FOUND);
  equal(error("a", -1, {}), ErrorCode.GROUP_ID_NOT_FOUND);
  equal(fixture.fold.groups.size, 0);
  beat(fixture, "a", 0);
  equal(error("b", 1, {}), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(error("b", -1, {}), ErrorCode.UNKNOWN_MEMBER_ID);
});

test("a group has so many members at most", () => {
  const fixture = new GroupFixture({ membersMax: 1 });
  beat(fixture, "a", 0);
  equal(beat(fixture, "b", 0).error, ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(beat(fixture, "a", 0).error, NONE);
  const narrow = new GroupFixture({ groupBytesMax: 1_000 });
  beat(narrow, "a", 0);
  equal(beat(narrow, "a", 1, { topics: ["x".repeat(900)] }).error, ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(beat(narrow, "b", 0, { topics: ["x".repeat(900)] }).error, ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(beat(narrow, "a", 1).error, NONE);
  const full = new GroupFixture({ foldBytesMax: 10 });
  beat(full, "a", 0);
  equal(beat(full, "a", 0, { groupId: "h" }).error, ErrorCode.GROUP_MAX_SIZE_REACHED);
});

test("who leaves, or is not heard of for a session, gives way to the others; the last one leaves the group empty", () => {
  const fixture = pair();
  equal(beat(fixture, "b", -1).memberEpoch, -1);
  fixture.topic("t", 5);
  fixture.send({ kind: "sweep", groupId: "g" });
  fixture.topic("t", 4);
  equal(groupOf(fixture).epoch, 3, "a target that is due needs no other epoch");
  deepEqual(partitionsOf(beat(fixture, "a", 2)), [0, 1, 2, 3]);
  fixture.pass(45_001);
  const group = groupOf(fixture);
  deepEqual([group.members.size, group.targets.size, group.epoch, group.emptySinceMs > 0], [0, 0, 4, true]);
  equal(beat(fixture, "a", 3).error, ErrorCode.UNKNOWN_MEMBER_ID);
  deepEqual(
    [...listGroups(fixture.shard, [], ["consumer"])].map(({ state }) => state),
    ["Empty"],
  );
});

test("heartbeats keep a session alive, also at a new coordinator", () => {
  const fixture = pair();
  fixture.pass(40_000);
  fixture.moveLeader();
  fixture.pass(40_000);
  equal(beat(fixture, "a", 2).error, NONE);
  fixture.pass(6_000);
  equal(beat(fixture, "b", 2).error, ErrorCode.UNKNOWN_MEMBER_ID);
});

test("who does not give up in its rebalance timeout is out, however alive", () => {
  const fixture = fixtureOf(2);
  beat(fixture, "a", 0, { rebalanceTimeoutMs: 20_000 });
  beat(fixture, "b", 0);
  equal(beat(fixture, "a", 1, owning(0, 1)).memberEpoch, 1);
  fixture.pass(19_000);
  equal(beat(fixture, "a", 1, owning(0, 1)).error, NONE);
  beat(fixture, "b", 2);
  fixture.pass(1_001);
  equal(beat(fixture, "a", 1, owning(0, 1)).error, ErrorCode.UNKNOWN_MEMBER_ID);
  deepEqual(partitionsOf(beat(fixture, "b", 2)), [0, 1]);
});

test("a static member that goes away finds its partitions again; others cannot have its instance id meanwhile", () => {
  const fixture = pair({ instanceId: "i" });
  equal(beat(fixture, "x", 0, { instanceId: "i" }).error, ErrorCode.UNRELEASED_INSTANCE_ID);
  equal(beat(fixture, "x", 1, { instanceId: "i" }).error, ErrorCode.FENCED_INSTANCE_ID);
  equal(beat(fixture, "x", 1, { instanceId: "j" }).error, ErrorCode.UNKNOWN_MEMBER_ID);
  equal(beat(fixture, "a", -2, { instanceId: "i" }).memberEpoch, -2);
  equal(beat(fixture, "b", 2).assignment, undefined);
  equal(errorOfCommit(fixture, "a", -2), ErrorCode.STALE_MEMBER_EPOCH);
  const back = beat(fixture, "x", 0, { instanceId: "i" });
  deepEqual([back.error, back.memberEpoch, partitionsOf(back)], [NONE, 2, [0, 1]]);
  equal(groupOf(fixture).epoch, 2);
  equal(beat(fixture, "a", 2, { instanceId: "i" }).error, ErrorCode.FENCED_INSTANCE_ID);
  equal(beat(fixture, "x", -2, { instanceId: "i" }).error, NONE);
  fixture.pass(44_000);
  beat(fixture, "b", 2);
  fixture.pass(2_000);
  deepEqual(partitionsOf(beat(fixture, "b", 2)), [0, 1, 2, 3]);
});

function errorOfCommit(fixture: GroupFixture, id: string, epoch: number, fields = {}): number | undefined {
  return fixture.ask(fixture.commit(id, epoch, T, 1, fields))?.error;
}

test("commits and reads of offsets are of the member's epoch", () => {
  const fixture = pair();
  equal(errorOfCommit(fixture, "a", 2), NONE);
  equal(errorOfCommit(fixture, "a", 1), ErrorCode.STALE_MEMBER_EPOCH);
  equal(errorOfCommit(fixture, "x", 2), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(errorOfCommit(fixture, "", -1), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(errorOfCommit(fixture, "a", 2, { knowsEpochs: false }), ErrorCode.UNSUPPORTED_VERSION);
  const read = (memberId: string | undefined, memberEpoch: number) =>
    fetchOffsets(fixture.shard, { groupId: "g", memberId, memberEpoch, topics: [{ topicId: T, partitions: [0, 1] }] });
  deepEqual(
    read(undefined, -1).topics[0]?.partitions.map(({ committed }) => committed?.offset),
    [1, undefined],
  );
  equal(read("a", 2).error, NONE);
  equal(read("a", 1).error, ErrorCode.STALE_MEMBER_EPOCH);
  equal(read("x", 1).error, ErrorCode.UNKNOWN_MEMBER_ID);
  for (const id of ["a", "b"]) beat(fixture, id, -1);
  equal(errorOfCommit(fixture, "", -1), NONE);
});

test("offsets of what a member reads stay; of an empty group they expire, and the group with them", () => {
  const fixture = pair();
  errorOfCommit(fixture, "a", 2);
  const remove = () =>
    fixture.ask({ kind: "delete-offsets", groupId: "g", token: fixture.token, topics: [{ topicId: T, partitions: [0] }] });
  const answer = remove();
  ok(answer?.kind === "delete-offsets");
  deepEqual(answer.codes, [[ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]]);
  const gone = () => fixture.ask({ kind: "delete-group", groupId: "g", token: fixture.token })?.error;
  equal(gone(), ErrorCode.NON_EMPTY_GROUP);
  fixture.wallMs += fixture.options.offsetsRetentionMs;
  fixture.send({ kind: "sweep", groupId: "g" });
  equal(fixture.fold.groups.get("g")?.offsets.size, 1);
  for (const id of ["a", "b"]) beat(fixture, id, -1);
  fixture.wallMs += fixture.options.offsetsRetentionMs;
  fixture.send({ kind: "sweep", groupId: "g" });
  equal(fixture.fold.groups.size, 0);
});

test("a topic that grows, comes or goes changes the epoch at the next sweep, and nothing else does", () => {
  const fixture = pair();
  const sweep = () => fixture.send({ kind: "sweep", groupId: "g" });
  fixture.topic("other", 5);
  sweep();
  equal(groupOf(fixture).epoch, 2);
  fixture.topic("t", 6);
  sweep();
  equal(groupOf(fixture).epoch, 3);
  equal(describeConsumer(fixture.shard, "g")?.state, "Assigning");
  deepEqual(partitionsOf(beat(fixture, "a", 2)).length + partitionsOf(beat(fixture, "b", 2)).length, 6);
  fixture.topics.delete("t");
  sweep();
  equal(groupOf(fixture).epoch, 4);
});

test("another subscription is another epoch; saying the same again is not", () => {
  const fixture = pair();
  fixture.topic("u", 1);
  const same = beat(fixture, "a", 2, { topics: ["t"], rebalanceTimeoutMs: 60_000, owned: new Map([[T, [0, 1]]]) });
  deepEqual([same.memberEpoch, partitionsOf(same), fixture.fold.groups.get("g")?.membership.kind], [2, [0, 1], "consumer"]);
  const both = beat(fixture, "a", 2, { topics: ["u", "t"] });
  equal(both.memberEpoch, 3);
  equal(both.assignment?.size, 2);
});

test("most members' assignor is the group's; without a wish it is uniform", () => {
  const fixture = fixtureOf(4);
  beat(fixture, "a", 0);
  equal(describeConsumer(fixture.shard, "g")?.assignor, "uniform");
  beat(fixture, "b", 0, { assignor: "range" });
  equal(describeConsumer(fixture.shard, "g")?.assignor, "range");
});

test("an append that is refused leaves the group as it was", () => {
  const fixture = pair();
  const before = fixture.batches.length;
  fixture.refusesNext = true;
  equal(beat(fixture, "c", 0).error, ErrorCode.COORDINATOR_NOT_AVAILABLE);
  equal(fixture.batches.length, before);
  equal(groupOf(fixture).members.size, 2);
  equal(beat(fixture, "c", 2).error, ErrorCode.UNKNOWN_MEMBER_ID);
  fixture.pass(44_000);
  equal(beat(fixture, "a", 2).error, NONE);
});

test("a member that owns what it was told to give up waits, though nothing changes", () => {
  const fixture = fixtureOf(2);
  beat(fixture, "a", 0);
  beat(fixture, "b", 0);
  beat(fixture, "a", 1, owning(0, 1));
  const count = fixture.batches.length;
  equal(beat(fixture, "a", 1, owning(0, 1)).memberEpoch, 1);
  equal(beat(fixture, "b", 2, { owned: NOTHING }).memberEpoch, 2);
  equal(fixture.batches.length, count);
});
