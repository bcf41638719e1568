import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { encodeMessage } from "@tidemq/protocol/codec.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { consumerProtocolSubscription } from "@tidemq/protocol/messages/consumer-protocol.ts";
import { GroupFixture } from "../../testing/group-fixture.ts";
import type { Answer, ConsumerHeartbeatAnswer, JoinAnswer } from "../answers.ts";
import { decodeAssignment, encodeAssignment } from "../classic/subscription.ts";
import type { Assignment } from "../fold/group-state.ts";
import type { JoinInput } from "../inputs.ts";
import { describeClassic, describeConsumer } from "../queries.ts";

const NONE = ErrorCode.NONE;
const T = "t".padEnd(22, "A");

function joinedOf(answer: Answer | undefined): JoinAnswer {
  ok(answer?.kind === "join", "the join is answered");
  return answer;
}

/** What a classic member says: it wants `t`, and has these of it. */
function wanting(...partitions: number[]): Partial<JoinInput> {
  const writer = new ByteWriter();
  writer.int16(1);
  const ownedPartitions = partitions.length === 0 ? [] : [{ topic: "t", partitions }];
  encodeMessage(consumerProtocolSubscription, 1, { topics: ["t"], ownedPartitions }, writer);
  return { protocols: [{ name: "cooperative-sticky", metadata: Uint8Array.from(writer.finish()) }] };
}

const assigned = (...partitions: number[]): Assignment => new Map([[T, partitions]]);

/** A classic group of one consumer, which has all four partitions of `t`, at generation 1. */
function classicGroup(): { fixture: GroupFixture; old: string } {
  const fixture = new GroupFixture();
  fixture.topic("t", 4);
  const join = fixture.join("", wanting());
  fixture.send(join);
  fixture.pass(3_000);
  const old = joinedOf(fixture.answers.get(join.token)).memberId;
  const assignments = [{ memberId: old, assignment: encodeAssignment(assigned(0, 1, 2, 3), fixture) }];
  equal(fixture.ask(fixture.sync(old, 1, { assignments }))?.error, NONE);
  return { fixture, old };
}

function beat(fixture: GroupFixture, id: string, epoch: number, owned?: Assignment): ConsumerHeartbeatAnswer {
  const answer = fixture.ask(fixture.beat(id, epoch, owned === undefined ? {} : { owned }));
  ok(answer?.kind === "consumer-heartbeat");
  return answer;
}

const classicBeat = (fixture: GroupFixture, memberId: string, generation: number) =>
  fixture.ask({ kind: "heartbeat", groupId: "g", token: fixture.token, memberId, generation, instanceId: undefined })?.error;

function synced(fixture: GroupFixture, memberId: string, generation: number): readonly number[] {
  const answer = fixture.ask(fixture.sync(memberId, generation));
  ok(answer?.kind === "sync" && answer.error === NONE, `sync of ${memberId}: ${answer?.error}`);
  return decodeAssignment(answer.assignment)?.assignedPartitions[0]?.partitions ?? [];
}

/** The classic member has given up 2 and 3, and a member of the new protocol has them. */
function mixed(): { fixture: GroupFixture; old: string } {
  const { fixture, old } = classicGroup();
  const joined = beat(fixture, "new", 0);
  deepEqual([joined.error, joined.memberEpoch, joined.assignment?.size], [NONE, 2, 0]);
  equal(classicBeat(fixture, old, 1), ErrorCode.REBALANCE_IN_PROGRESS);
  const told = joinedOf(fixture.ask(fixture.join(old, wanting(0, 1, 2, 3))));
  deepEqual([told.error, told.generation, told.leader, told.protocol], [NONE, 1, "", "cooperative-sticky"]);
  deepEqual(synced(fixture, old, 1), [0, 1]);
  equal(classicBeat(fixture, old, 1), ErrorCode.REBALANCE_IN_PROGRESS);
  equal(joinedOf(fixture.ask(fixture.join(old, wanting(0, 1)))).generation, 2);
  deepEqual(synced(fixture, old, 2), [0, 1]);
  deepEqual(beat(fixture, "new", 2).assignment, assigned(2, 3));
  return { fixture, old };
}

test("a member of the new protocol converts a group of classic consumers, who keep what they have and are asked to give up", () => {
  const { fixture, old } = mixed();
  equal(classicBeat(fixture, old, 2), NONE);
  equal(describeClassic(fixture.shard, "g"), undefined);
  const described = describeConsumer(fixture.shard, "g");
  deepEqual([described?.state, described?.epoch], ["Stable", 2]);
  deepEqual(
    described?.members.map(({ member }) => [member.id, member.classic !== undefined]),
    [
      [old, true],
      ["new", false],
    ],
  );
});

test("commits in a mixed group: a classic member's by its generation", () => {
  const { fixture, old } = mixed();
  const error = (id: string, epoch: number, knowsEpochs: boolean) => fixture.ask(fixture.commit(id, epoch, T, 1, { knowsEpochs }))?.error;
  equal(error(old, 2, false), NONE);
  equal(error(old, 1, false), ErrorCode.ILLEGAL_GENERATION);
  equal(error("new", 2, true), NONE);
});

test("classic members come and go in a mixed group, and are checked as everywhere", () => {
  const { fixture, old } = mixed();
  const join = (id: string, fields: Partial<JoinInput>) => joinedOf(fixture.ask(fixture.join(id, fields)));
  const told = join("", { ...wanting(), needsKnownId: true });
  equal(told.error, ErrorCode.MEMBER_ID_REQUIRED);
  const third = join(told.memberId, { ...wanting(), needsKnownId: true });
  deepEqual([third.error, third.generation], [NONE, 3]);
  equal(join("", { ...wanting(), protocolType: "connect" }).error, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  equal(join("", { protocols: [{ name: "cooperative-sticky", metadata: Uint8Array.of(1) }] }).error, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  const [offered] = wanting().protocols ?? [];
  equal(
    join("", { protocols: [{ name: "range", metadata: offered?.metadata ?? Uint8Array.of() }] }).error,
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
  );
  equal(join("x".repeat(1_025), wanting()).error, ErrorCode.GROUP_MAX_SIZE_REACHED);
  const writer = new ByteWriter();
  writer.int16(0);
  encodeMessage(consumerProtocolSubscription, 0, { topics: ["x".repeat(1_025)] }, writer);
  const long = { protocols: [{ name: "cooperative-sticky", metadata: new Uint8Array(writer.finish()) }] };
  equal(join("", long).error, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  equal(fixture.ask(fixture.sync(old, 1))?.error, ErrorCode.ILLEGAL_GENERATION);
  equal(fixture.ask(fixture.sync(old, 2))?.error, ErrorCode.REBALANCE_IN_PROGRESS);
  equal(fixture.ask(fixture.sync("new", 2))?.error, ErrorCode.UNKNOWN_MEMBER_ID);
  const left = fixture.ask({
    kind: "leave",
    groupId: "g",
    token: fixture.token,
    members: [{ memberId: third.memberId, instanceId: undefined }],
  });
  ok(left?.kind === "leave");
  equal(left.members[0]?.error, NONE);
  equal(describeConsumer(fixture.shard, "g")?.members.length, 2);
});

test("a classic member that does not join when it is asked to is out after its rebalance timeout", () => {
  const { fixture, old } = classicGroup();
  beat(fixture, "new", 0);
  for (let i = 0; i < 7; i += 1) {
    equal(classicBeat(fixture, old, 1), ErrorCode.REBALANCE_IN_PROGRESS);
    beat(fixture, "new", 2);
    fixture.pass(9_000);
  }
  equal(classicBeat(fixture, old, 1), ErrorCode.UNKNOWN_MEMBER_ID);
  deepEqual(beat(fixture, "new", 2).assignment, assigned(0, 1, 2, 3));
});

test("when only classic members remain the group is theirs again, and they assign", () => {
  const { fixture, old } = mixed();
  beat(fixture, "new", -1);
  const membership = fixture.fold.groups.get("g")?.membership;
  ok(membership?.kind === "classic");
  deepEqual([membership.generation, membership.leader, membership.protocol], [3, old, "cooperative-sticky"]);
  equal(describeClassic(fixture.shard, "g")?.state, "PreparingRebalance");
  equal(classicBeat(fixture, old, 3), ErrorCode.REBALANCE_IN_PROGRESS);
  const joined = joinedOf(fixture.ask(fixture.join(old, wanting(0, 1))));
  deepEqual([joined.generation, joined.leader, joined.members.length], [4, old, 1]);
});

test("when the last member of the new protocol dies, the same happens by its session", () => {
  const { fixture, old } = mixed();
  for (let i = 0; i < 9; i += 1) {
    classicBeat(fixture, old, 2);
    fixture.pass(6_000);
  }
  equal(describeClassic(fixture.shard, "g")?.state, "PreparingRebalance");
});

test("a refused conversion leaves the group classic, and its members alive; who waited comes again", () => {
  const { fixture, old } = classicGroup();
  const waiting = fixture.join("", wanting());
  fixture.send(waiting);
  fixture.refusesNext = true;
  equal(beat(fixture, "new", 0).error, ErrorCode.COORDINATOR_NOT_AVAILABLE);
  equal(fixture.answers.get(waiting.token)?.error, ErrorCode.REBALANCE_IN_PROGRESS);
  equal(classicBeat(fixture, old, 1), NONE);
  equal(describeClassic(fixture.shard, "g")?.state, "Stable");
});

test("groups of others than consumers, and what cannot be read, are not converted; an empty group always is", () => {
  for (const fields of [{ ...wanting(), protocolType: "connect" }, { protocols: [{ name: "x", metadata: Uint8Array.of(0, 0, 9) }] }]) {
    const fixture = new GroupFixture();
    fixture.send(fixture.join("", fields));
    fixture.pass(3_000);
    equal(beat(fixture, "new", 0).error, ErrorCode.GROUP_ID_NOT_FOUND);
    equal(fixture.shard.live.get("g")?.kind, "classic");
  }
  const { fixture, old } = classicGroup();
  fixture.send({ kind: "leave", groupId: "g", token: fixture.token, members: [{ memberId: old, instanceId: undefined }] });
  equal(beat(fixture, "new", 1).error, ErrorCode.GROUP_ID_NOT_FOUND);
  const joined = beat(fixture, "new", 0);
  deepEqual([joined.memberEpoch, joined.assignment], [3, assigned(0, 1, 2, 3)]);
});

test("a partition that two classic members believe to have goes to the first", () => {
  const fixture = new GroupFixture();
  fixture.topic("t", 4);
  const joins = [fixture.join("", wanting()), fixture.join("", wanting())];
  for (const join of joins) fixture.send(join);
  fixture.pass(6_000);
  const [a = "", b = ""] = joins.map(({ token }) => joinedOf(fixture.answers.get(token)).memberId);
  const assignment = (...partitions: number[]) => encodeAssignment(assigned(...partitions), fixture);
  const assignments = [
    { memberId: a, assignment: assignment(0, 1) },
    { memberId: b, assignment: assignment(1, 2) },
  ];
  fixture.send(fixture.sync(a, 1, { assignments }));
  equal(beat(fixture, "new", 0).error, NONE);
  const held = describeConsumer(fixture.shard, "g")?.members.map(({ member }) => member.assigned.get(T));
  deepEqual(held, [[0, 1], [2], [3]]);
});

test("what a classic member says cannot outgrow a group of the new protocol", () => {
  const fixture = new GroupFixture({ groupBytesMax: 2_000 });
  fixture.topic("t", 4);
  beat(fixture, "new", 0);
  const writer = new ByteWriter();
  writer.int16(0);
  encodeMessage(consumerProtocolSubscription, 0, { topics: ["t"], userData: new Uint8Array(1_200) }, writer);
  const protocols = [{ name: "cooperative-sticky", metadata: new Uint8Array(writer.finish()) }];
  equal(fixture.ask(fixture.join("", { protocols }))?.error, ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(fixture.ask(fixture.join("", wanting()))?.error, NONE);
});
