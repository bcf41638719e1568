import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { encodeMessage } from "@tidemq/protocol/codec.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { consumerProtocolSubscription } from "@tidemq/protocol/messages/consumer-protocol.ts";
import { GroupFixture } from "../../testing/group-fixture.ts";
import type { Answer, JoinAnswer, SyncAnswer } from "../answers.ts";
import type { JoinInput } from "../inputs.ts";
import { describeClassic, fetchOffsets, listGroups } from "../queries.ts";

const NONE = ErrorCode.NONE;

function joinedOf(answer: Answer | undefined): JoinAnswer {
  ok(answer?.kind === "join", "the join is answered");
  return answer;
}

function syncedOf(answer: Answer | undefined): SyncAnswer {
  ok(answer?.kind === "sync", "the sync is answered");
  return answer;
}

const errorOf = (answer: Answer | undefined): number | undefined => answer?.error;

/** A stable group of so many members; the first leads. @returns their ids. */
function stable(group: GroupFixture, count: number, fields: Partial<JoinInput> = {}): string[] {
  const joins = Array.from({ length: count }, () => group.join("", fields));
  for (const join of joins) group.send(join);
  group.pass(6_000);
  const answers = joins.map(({ token }) => joinedOf(group.answers.get(token)));
  const ids = answers.map(({ memberId }) => memberId);
  const [first] = answers;
  ok(first !== undefined && first.leader === first.memberId);
  const assignments = ids.map((memberId, at) => ({ memberId, assignment: Uint8Array.of(at) }));
  const syncs = ids.map((id) => group.sync(id, first.generation, id === first.leader ? { assignments } : {}));
  for (const sync of syncs) group.send(sync);
  syncs.forEach(({ token }, at) => deepEqual(syncedOf(group.answers.get(token)).assignment, Uint8Array.of(at)));
  return ids;
}

function beat(group: GroupFixture, memberId: string, generation: number, instanceId?: string): number | undefined {
  return errorOf(group.ask({ kind: "heartbeat", groupId: "g", token: group.token, memberId, generation, instanceId }));
}

function leave(group: GroupFixture, memberId: string, instanceId?: string): Answer | undefined {
  return group.ask({ kind: "leave", groupId: "g", token: group.token, members: [{ memberId, instanceId }] });
}

test("members of an empty group wait for each other for 3 s, and again when others came", () => {
  const group = new GroupFixture();
  const first = group.join("");
  group.send(first);
  group.pass(2_900);
  const second = group.join("");
  group.send(second);
  group.pass(200);
  equal(group.answers.get(first.token), undefined);
  group.pass(3_000);
  const [leader, follower] = [joinedOf(group.answers.get(first.token)), joinedOf(group.answers.get(second.token))];
  deepEqual([leader.generation, follower.generation, leader.protocol], [1, 1, "range"]);
  deepEqual([leader.leader, follower.leader], [leader.memberId, leader.memberId]);
  deepEqual(
    leader.members.map(({ id }) => id),
    [leader.memberId, follower.memberId],
  );
  equal(follower.members.length, 0);
  equal(leader.memberId, "c-u1");
});

test("a generation is durable when its leader assigned, and not before", () => {
  const group = new GroupFixture();
  stable(group, 2);
  equal(group.entries.length, 1);
  const membership = group.fold.groups.get("g")?.membership;
  ok(membership?.kind === "classic");
  deepEqual([membership.generation, membership.members.size, membership.emptySinceMs], [1, 2, -1]);
});

test("from version 4 on a member is told its id first, and that id ends unless it is used", () => {
  const group = new GroupFixture();
  const told = joinedOf(group.ask(group.join("", { needsKnownId: true })));
  equal(told.error, ErrorCode.MEMBER_ID_REQUIRED);
  equal(group.ask(group.join(told.memberId)), undefined);
  group.pass(3_000);
  const late = joinedOf(group.ask(group.join("", { needsKnownId: true })));
  group.pass(10_001);
  equal(errorOf(group.ask(group.join(late.memberId))), ErrorCode.UNKNOWN_MEMBER_ID);
});

test("a rebalance waits for ids that were given out until they end; a stable group does not mind their end", () => {
  const group = new GroupFixture();
  const long = { sessionTimeoutMs: 100_000 };
  const [a = ""] = stable(group, 1, long);
  group.send(group.join("", { needsKnownId: true }));
  group.pass(10_001);
  equal(beat(group, a, 1), NONE);
  group.send(group.join("", { needsKnownId: true }));
  const again = group.join(a, long);
  group.send(again);
  group.pass(9_999);
  equal(group.answers.get(again.token), undefined);
  group.pass(2);
  equal(joinedOf(group.answers.get(again.token)).generation, 2);
});

test("a group that only gave out ids is forgotten", () => {
  const group = new GroupFixture();
  group.send(group.join("", { needsKnownId: true }));
  equal(group.shard.live.size, 1);
  group.pass(10_001);
  equal(group.shard.live.size, 0);
  equal(group.entries.length, 0);
});

test("joins are refused: unknown ids, session timeouts out of range, protocols that nobody shares, ids of a group", () => {
  const group = new GroupFixture();
  const error = (fields: Partial<JoinInput>, id = "") => errorOf(group.ask(group.join(id, fields)));
  equal(error({}, "nobody"), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(error({ sessionTimeoutMs: 5_999 }), ErrorCode.INVALID_SESSION_TIMEOUT);
  equal(error({ sessionTimeoutMs: 1_800_001 }), ErrorCode.INVALID_SESSION_TIMEOUT);
  equal(error({ groupId: "" }), ErrorCode.INVALID_GROUP_ID);
  equal(error({ groupId: "x".repeat(256) }), ErrorCode.INVALID_GROUP_ID);
  equal(error({ protocols: [] }), ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  equal(error({ protocolType: "" }), ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  stable(group, 2);
  equal(error({}, "nobody"), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(error({ protocolType: "connect" }), ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  equal(error({ protocols: [{ name: "sticky", metadata: Uint8Array.of() }] }), ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  const metadata = new Uint8Array(256 * 1024 + 1);
  equal(error({ protocols: [{ name: "range", metadata }] }), ErrorCode.GROUP_MAX_SIZE_REACHED);
});

test("long names are cut where they can be, and what is kept comes back from the fold as it is", () => {
  const group = new GroupFixture();
  const [a = ""] = stable(group, 1, { clientId: `${"x".repeat(254)}\u{1f600}`, clientHost: "é".repeat(400) });
  group.moveLeader();
  equal(Buffer.from(a).toString(), a);
  equal(beat(group, a, 1), NONE);
});

test("a group without members and offsets is gone at the next sweep", () => {
  const group = new GroupFixture();
  const [a = ""] = stable(group, 1);
  group.send({ kind: "sweep", groupId: "g" });
  equal(beat(group, a, 1), NONE);
  leave(group, a);
  group.send({ kind: "sweep", groupId: "g" });
  equal(group.fold.groups.size, 0);
});

test("a full group takes no more members, nor does one whose members fill an entry", () => {
  const group = new GroupFixture({ membersMax: 2 });
  stable(group, 2);
  equal(errorOf(group.ask(group.join(""))), ErrorCode.GROUP_MAX_SIZE_REACHED);
  const wide = new GroupFixture({ groupBytesMax: 1_000 });
  const large = (bytes: number) => ({ protocols: [{ name: "range", metadata: new Uint8Array(bytes) }] });
  const [a = ""] = stable(wide, 1, large(600));
  equal(errorOf(wide.ask(wide.join("", large(600)))), ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(joinedOf(wide.ask(wide.join(a, large(600)))).generation, 2);
  equal(errorOf(wide.ask(wide.join(a, large(1_200)))), ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(beat(wide, a, 2), ErrorCode.UNKNOWN_MEMBER_ID);
  const fixed = new GroupFixture({ groupBytesMax: 1_000 });
  stable(fixed, 1, { ...large(600), instanceId: "i" });
  equal(errorOf(fixed.ask(fixed.join("", { ...large(1_200), instanceId: "i" }))), ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(joinedOf(fixed.ask(fixed.join("", { ...large(600), instanceId: "i" }))).generation, 1);
});

test("a member more: the others hear of it by heartbeat, join again, and the generation counts on", () => {
  const group = new GroupFixture();
  const [a = "", b = ""] = stable(group, 2);
  const third = group.join("");
  equal(group.ask(third), undefined);
  equal(beat(group, a, 1), ErrorCode.REBALANCE_IN_PROGRESS);
  equal(errorOf(group.ask(group.sync(a, 1))), ErrorCode.REBALANCE_IN_PROGRESS);
  equal(group.ask(group.join(a)), undefined);
  const last = group.join(b);
  equal(joinedOf(group.ask(last)).generation, 2);
  equal(joinedOf(group.answers.get(third.token)).generation, 2);
  equal(beat(group, a, 2), NONE);
  equal(beat(group, a, 1), ErrorCode.ILLEGAL_GENERATION);
});

test("who does not join again in time is out of the generation", () => {
  const group = new GroupFixture();
  const [a = "", b = ""] = stable(group, 2, { sessionTimeoutMs: 1_000_000 });
  const again = group.join(a, { sessionTimeoutMs: 1_000_000 });
  group.send(again);
  group.pass(60_001);
  const answer = joinedOf(group.answers.get(again.token));
  equal(answer.members.length, 1);
  equal(beat(group, b, 2), ErrorCode.UNKNOWN_MEMBER_ID);
});

test("a leader that does not join again loses the lead", () => {
  const group = new GroupFixture();
  const [, b = ""] = stable(group, 2, { sessionTimeoutMs: 1_000_000 });
  const third = group.join("");
  group.send(third);
  const again = group.join(b);
  group.send(again);
  group.pass(60_001);
  equal(joinedOf(group.answers.get(again.token)).leader, b);
});

test("a session that ends, and a leave, begin a rebalance; the last one leaves the group empty, which is durable", () => {
  const group = new GroupFixture();
  const [a = "", b = ""] = stable(group, 2);
  group.pass(5_000);
  equal(beat(group, a, 1), NONE);
  group.pass(5_001);
  equal(beat(group, a, 1), ErrorCode.REBALANCE_IN_PROGRESS);
  equal(beat(group, b, 1), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(joinedOf(group.ask(group.join(a))).generation, 2);
  equal(errorOf(leave(group, a)), NONE);
  const membership = group.fold.groups.get("g")?.membership;
  ok(membership?.kind === "classic");
  deepEqual([membership.generation, membership.members.size, membership.emptySinceMs], [3, 0, group.wallMs]);
  equal(group.shard.live.size, 0);
  const gone = leave(group, a);
  ok(gone?.kind === "leave");
  deepEqual(gone.members, [{ memberId: a, instanceId: undefined, error: ErrorCode.UNKNOWN_MEMBER_ID }]);
});

test("members that never ask for their assignment are dropped, and the rest goes on", () => {
  const group = new GroupFixture();
  const joins = [group.join("", { sessionTimeoutMs: 1_000_000 }), group.join("", { sessionTimeoutMs: 1_000_000 })];
  for (const join of joins) group.send(join);
  group.pass(6_000);
  const [a, b] = joins.map(({ token }) => joinedOf(group.answers.get(token)));
  const waiting = group.sync(b?.memberId ?? "", 1);
  equal(group.ask(waiting), undefined);
  group.pass(60_001);
  equal(syncedOf(group.answers.get(waiting.token)).error, ErrorCode.REBALANCE_IN_PROGRESS);
  equal(beat(group, a?.memberId ?? "", 1), ErrorCode.UNKNOWN_MEMBER_ID);
});

test("sync checks member, generation, and the protocol when it is said", () => {
  const group = new GroupFixture();
  const [a = ""] = stable(group, 1);
  const error = (...args: Parameters<GroupFixture["sync"]>) => errorOf(group.ask(group.sync(...args)));
  equal(error("nobody", 1), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(error(a, 2), ErrorCode.ILLEGAL_GENERATION);
  equal(error(a, 1, { protocolType: "connect" }), ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  equal(error(a, 1, { protocol: "sticky" }), ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  equal(error(a, 1, { protocolType: "consumer", protocol: "range" }), NONE);
  equal(error(a, 1, { groupId: "other" }), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(error(a, 1, { groupId: "" }), ErrorCode.INVALID_GROUP_ID);
});

test("a join repeated after its answer was lost is answered again; a leader's begins a rebalance", () => {
  const group = new GroupFixture();
  const [a = "", b = ""] = stable(group, 2);
  const again = joinedOf(group.ask(group.join(b)));
  deepEqual([again.generation, again.leader, again.members.length], [1, a, 0]);
  const other = { protocols: [{ name: "range", metadata: Uint8Array.of(2) }] };
  equal(group.ask(group.join(b, other)), undefined);
  equal(joinedOf(group.ask(group.join(a))).generation, 2);
  const [repeated, changed] = [joinedOf(group.ask(group.join(b, other))), group.join(b)];
  equal(repeated.generation, 2);
  equal(group.ask(changed), undefined);
  equal(group.ask(group.sync(a, 2))?.error, ErrorCode.REBALANCE_IN_PROGRESS);
});

test("a static member comes back without a rebalance; its earlier self is fenced", () => {
  const group = new GroupFixture();
  const [a = ""] = stable(group, 1, { instanceId: "i" });
  const back = joinedOf(group.ask(group.join("", { instanceId: "i" })));
  deepEqual([back.error, back.generation, back.skipAssignment, back.leader, back.members.length], [NONE, 1, true, back.memberId, 1]);
  deepEqual(syncedOf(group.ask(group.sync(back.memberId, 1, { instanceId: "i" }))).assignment, Uint8Array.of(0));
  equal(beat(group, a, 1, "i"), ErrorCode.FENCED_INSTANCE_ID);
  equal(beat(group, a, 1), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(errorOf(group.ask(group.join(a, { instanceId: "i" }))), ErrorCode.FENCED_INSTANCE_ID);
  equal(errorOf(group.ask(group.join(a, { instanceId: "other" }))), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(errorOf(group.ask(group.commit(a, 1, "t".padEnd(22, "A"), 1, { instanceId: "i" }))), ErrorCode.FENCED_INSTANCE_ID);
  const older = joinedOf(group.ask(group.join("", { instanceId: "i", canSkipAssignment: false })));
  deepEqual([older.skipAssignment, older.leader, older.members.length], [false, back.memberId, 0]);
  ok(older.memberId !== back.memberId);
  group.moveLeader();
  equal(beat(group, older.memberId, 1, "i"), NONE);
});

test("a static member that comes back with another protocol, or between join and sync, begins a rebalance", () => {
  const group = new GroupFixture();
  const both = [
    { name: "range", metadata: Uint8Array.of(1) },
    { name: "sticky", metadata: Uint8Array.of(1) },
  ];
  stable(group, 1, { instanceId: "i", protocols: both });
  const back = joinedOf(group.ask(group.join("", { instanceId: "i", protocols: [...both].reverse() })));
  deepEqual([back.generation, back.protocol], [2, "sticky"]);
  const once = joinedOf(group.ask(group.join("", { instanceId: "i", protocols: both })));
  equal(once.generation, 3);
  equal(joinedOf(group.ask(group.join("", { instanceId: "i", protocols: both }))).generation, 4);
});

test("a static member that is away keeps its place through a rebalance, but not the lead, until its session ends", () => {
  const group = new GroupFixture();
  const long = { sessionTimeoutMs: 100_000 };
  const [away = ""] = stable(group, 1, { ...long, instanceId: "i" });
  const other = group.join("", long);
  group.send(other);
  group.pass(60_001);
  const joined = joinedOf(group.answers.get(other.token));
  deepEqual(
    joined.members.map(({ id }) => id),
    [away, joined.memberId],
  );
  equal(joined.leader, joined.memberId);
  equal(beat(group, away, 2, "i"), NONE);
  group.send(group.sync(joined.memberId, 2));
  group.pass(60_001);
  equal(beat(group, joined.memberId, 2), ErrorCode.REBALANCE_IN_PROGRESS);
  equal(joinedOf(group.ask(group.join(joined.memberId, long))).members.length, 1);
});

test("of two joins, or two syncs, of one member the earlier is sent again", () => {
  const group = new GroupFixture();
  const [a = "", b = ""] = stable(group, 2);
  const other = group.join("");
  group.send(other);
  const [early, late] = [group.join(a), group.join(a)];
  group.send(early);
  group.send(late);
  equal(errorOf(group.answers.get(early.token)), ErrorCode.REBALANCE_IN_PROGRESS);
  equal(joinedOf(group.ask(group.join(b))).generation, 2);
  equal(joinedOf(group.answers.get(late.token)).generation, 2);
  const [first, second] = [group.sync(b, 2), group.sync(b, 2)];
  group.send(first);
  group.send(second);
  equal(errorOf(group.answers.get(first.token)), ErrorCode.REBALANCE_IN_PROGRESS);
  group.send(group.sync(a, 2));
  equal(errorOf(group.answers.get(second.token)), NONE);
});

test("assignments that do not fit an entry are refused", () => {
  const group = new GroupFixture({ groupBytesMax: 1_000 });
  const join = group.join("");
  group.send(join);
  group.pass(3_000);
  const { memberId } = joinedOf(group.answers.get(join.token));
  const sync = (bytes: number) =>
    errorOf(group.ask(group.sync(memberId, 1, { assignments: [{ memberId, assignment: new Uint8Array(bytes) }] })));
  equal(sync(1_000), ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(group.entries.length, 0);
  equal(sync(500), NONE);
});

test("a person removes a static member by its instance id; a wrong pair is refused", () => {
  const group = new GroupFixture();
  const [a = ""] = stable(group, 1, { instanceId: "i" });
  const codes = (memberId: string, instanceId: string | undefined) => {
    const answer = leave(group, memberId, instanceId);
    ok(answer?.kind === "leave");
    return answer.members[0]?.error;
  };
  equal(codes("other", "i"), ErrorCode.FENCED_INSTANCE_ID);
  equal(codes("", "nobody"), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(codes("", undefined), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(codes("", "i"), NONE);
  equal(codes(a, "i"), ErrorCode.UNKNOWN_MEMBER_ID);
});

test("an append that is refused leaves the group as a new coordinator would find it", () => {
  const group = new GroupFixture();
  const joins = [group.join(""), group.join("")];
  for (const join of joins) group.send(join);
  group.pass(6_000);
  const [a = "", b = ""] = joins.map(({ token }) => joinedOf(group.answers.get(token)).memberId);
  const follower = group.sync(b, 1);
  group.send(follower);
  group.refusesNext = true;
  equal(errorOf(group.ask(group.sync(a, 1))), ErrorCode.COORDINATOR_NOT_AVAILABLE);
  equal(errorOf(group.answers.get(follower.token)), ErrorCode.COORDINATOR_NOT_AVAILABLE);
  equal(beat(group, a, 1), ErrorCode.UNKNOWN_MEMBER_ID);
  const [c = ""] = stable(group, 1);
  group.refusesNext = true;
  equal(errorOf(leave(group, c)), ErrorCode.COORDINATOR_NOT_AVAILABLE);
  equal(beat(group, c, 1), NONE);
});

test("a commit that is refused leaves a rebalance under way as it was: it ran ahead of nothing", () => {
  const group = new GroupFixture();
  const [a = ""] = stable(group, 1);
  const waiting = group.join("");
  group.send(waiting);
  group.refusesNext = true;
  equal(errorOf(group.ask(group.commit(a, 1, group.topic("t", 1).id, 5))), ErrorCode.COORDINATOR_NOT_AVAILABLE);
  equal(group.answers.get(waiting.token), undefined);
  equal(beat(group, a, 1), ErrorCode.REBALANCE_IN_PROGRESS);
  equal(joinedOf(group.ask(group.join(a))).generation, 2);
  equal(joinedOf(group.answers.get(waiting.token)).generation, 2);
});

test("a new coordinator gives every member a session; who waited is sent again", () => {
  const group = new GroupFixture();
  const [a = "", b = ""] = stable(group, 2);
  group.moveLeader();
  equal(beat(group, a, 1), NONE);
  group.pass(9_000);
  equal(beat(group, a, 1), NONE);
  group.pass(1_001);
  equal(beat(group, b, 1), ErrorCode.UNKNOWN_MEMBER_ID);
  const waiting = group.join(a);
  const other = group.join("");
  group.send(other);
  group.shard.resign(group, []);
  equal(group.shard.live.size, 0);
  equal(group.answers.has(waiting.token), false);
});

test("commits: only of the present generation, and without one only to a group without members", () => {
  const group = new GroupFixture();
  const topic = group.topic("t", 1).id;
  const error = (...args: Parameters<GroupFixture["commit"]>) => errorOf(group.ask(group.commit(...args)));
  equal(error("m", 1, topic, 5), ErrorCode.GROUP_ID_NOT_FOUND);
  equal(error("m", 1, topic, 5, { knowsEpochs: false }), ErrorCode.ILLEGAL_GENERATION);
  equal(error("", -1, topic, 5), NONE);
  const [a = ""] = stable(group, 1);
  equal(error("", -1, topic, 1), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(error("nobody", 1, topic, 1), ErrorCode.UNKNOWN_MEMBER_ID);
  equal(error(a, 2, topic, 1), ErrorCode.ILLEGAL_GENERATION);
  equal(error(a, 1, topic, 6), NONE);
  const at = () => fetchOffsets(group.shard, { groupId: "g", memberId: undefined, memberEpoch: -1, topics: undefined });
  equal(at().topics[0]?.partitions[0]?.committed?.offset, 6);
  group.send(group.join(a));
  equal(error(a, 2, topic, 7), ErrorCode.REBALANCE_IN_PROGRESS);
  equal(at().topics[0]?.partitions[0]?.committed?.offset, 6);
});

test("a commit is judged partition by partition, and its size as a whole", () => {
  const group = new GroupFixture({ groupBytesMax: 20_000 });
  const partition = (metadata: string, at = 0) => ({ partition: at, offset: 1, leaderEpoch: 2, metadata });
  const topicId = group.topic("t", 9).id;
  const topics = [{ topicId, partitions: [partition("x"), partition("é".repeat(2_049), 1), partition("", 9), partition("", -1)] }];
  const answer = group.ask(group.commit("", -1, topicId, 1, { topics }));
  ok(answer?.kind === "commit");
  const { OFFSET_METADATA_TOO_LARGE, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;
  deepEqual(answer.codes, [[NONE, OFFSET_METADATA_TOO_LARGE, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_OR_PARTITION]]);
  const many = [{ topicId, partitions: Array.from({ length: 9 }, (_, at) => partition("x".repeat(4_000), at)) }];
  equal(errorOf(group.ask(group.commit("", -1, topicId, 1, { topics: many }))), ErrorCode.INVALID_COMMIT_OFFSET_SIZE);
});

test("a full fold takes nothing new, and goes on with what it has", () => {
  const group = new GroupFixture({ foldBytesMax: 120 });
  const [t, u] = [group.topic("t", 1).id, group.topic("u", 1).id];
  const codes = (topicId: string, groupId = "g") => {
    const answer = group.ask(group.commit("", -1, topicId, 1, { groupId }));
    ok(answer?.kind === "commit");
    return answer.error === NONE ? answer.codes[0]?.[0] : answer.error;
  };
  equal(codes(t), NONE);
  equal(codes(u), NONE);
  equal(codes(group.topic("v", 1).id), ErrorCode.INVALID_COMMIT_OFFSET_SIZE);
  equal(codes(t), NONE);
  equal(codes(t, "h"), ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(errorOf(group.ask(group.join("", { groupId: "h" }))), ErrorCode.GROUP_MAX_SIZE_REACHED);
});

test("what a full fold has does not grow beyond it", () => {
  const group = new GroupFixture({ foldBytesMax: 400 });
  const topicId = group.topic("t", 1).id;
  const commit = (metadata: string) => {
    const topics = [{ topicId, partitions: [{ partition: 0, offset: 1, leaderEpoch: -1, metadata }] }];
    const answer = group.ask(group.commit("", -1, topicId, 1, { groupId: "o", topics }));
    ok(answer?.kind === "commit");
    return answer.codes[0]?.[0];
  };
  equal(commit("x"), NONE);
  const [a = ""] = stable(group, 1, { protocols: [{ name: "range", metadata: new Uint8Array(300) }] });
  ok(group.fold.bytes >= 400);
  equal(commit("xx"), ErrorCode.INVALID_COMMIT_OFFSET_SIZE);
  equal(commit("y"), NONE);
  equal(errorOf(group.ask(group.join(""))), ErrorCode.GROUP_MAX_SIZE_REACHED);
  const again = group.ask(group.join(a, { protocols: [{ name: "range", metadata: new Uint8Array(299) }] }));
  equal(errorOf(again), NONE);
});

test("a full fold takes no more members of the new protocol, nor more topics of theirs", () => {
  const group = new GroupFixture({ foldBytesMax: 150 });
  group.topic("t", 1);
  const first = group.ask(group.beat("a", 0));
  ok(first?.kind === "consumer-heartbeat" && group.fold.bytes >= 150);
  equal(errorOf(group.ask(group.beat("b", 0))), ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(errorOf(group.ask(group.beat("a", first.memberEpoch, { topics: ["t", "u"] }))), ErrorCode.GROUP_MAX_SIZE_REACHED);
  equal(errorOf(group.ask(group.beat("a", first.memberEpoch))), NONE);
});

test("groups that are not in the fold yet take no more room than it", () => {
  const group = new GroupFixture({ foldBytesMax: 20_000 });
  const come = (at: number, needsKnownId: boolean) => {
    const input = group.join("", { groupId: `g${at}`, needsKnownId });
    group.send(input);
    return errorOf(group.answers.get(input.token));
  };
  for (const needsKnownId of [true, false]) {
    let groups = 0;
    while (groups < 1_000 && come(groups, needsKnownId) !== ErrorCode.COORDINATOR_NOT_AVAILABLE) groups += 1;
    ok(groups > 20 && groups < 400, `${groups} groups`);
    let members = 0;
    while (members < 100 && come(0, needsKnownId) !== ErrorCode.COORDINATOR_NOT_AVAILABLE) members += 1;
    ok(members < 10, `${members} members more`);
    group.pass(400_000);
    equal(group.shard.live.size, 0);
    equal(group.shard.liveBytes, 0);
  }
});

test("groups that come and go leave nothing in the queue of wakes", () => {
  const group = new GroupFixture();
  for (let at = 0; at < 20_000; at += 1) {
    const told = joinedOf(group.ask(group.join("", { groupId: `g${at % 10}`, needsKnownId: true, sessionTimeoutMs: 1_800_000 })));
    group.send({
      kind: "leave",
      groupId: `g${at % 10}`,
      token: group.token,
      members: [{ memberId: told.memberId, instanceId: undefined }],
    });
  }
  ok(group.shard.wakes.size < 5_000, `${group.shard.wakes.size} wakes`);
});

test("static members that do not come back, and wait for nobody, keep the loop idle until their session is over", () => {
  const group = new GroupFixture({ initialRebalanceDelayMs: 0 });
  const ids: string[] = [];
  for (const rebalanceTimeoutMs of [60_000, 0]) {
    const joins = ["i", "j"].map((instanceId, at) => group.join(ids[at] ?? "", { instanceId, rebalanceTimeoutMs }));
    for (const join of joins) group.send(join);
    if (ids.length === 0) group.pass(1);
    joins.forEach(({ token }, at) => (ids[at] = joinedOf(group.answers.get(token)).memberId));
    const { generation } = joinedOf(group.answers.get(joins[1]?.token ?? 0));
    for (const id of ids) group.send(group.sync(id, generation));
  }
  group.send({ kind: "leave", groupId: "g", token: group.token, members: [{ memberId: ids[1] ?? "", instanceId: "j" }] });
  let wakes = 0;
  for (; wakes < 100 && group.wakeMs <= group.nowMs; wakes += 1) {
    group.wakeMs = Number.POSITIVE_INFINITY;
    group.send({ kind: "timer" });
  }
  ok(wakes < 5, `${wakes} wakes without time passing`);
});

function subscription(...topics: string[]): Uint8Array {
  const writer = new ByteWriter();
  writer.int16(1);
  encodeMessage(consumerProtocolSubscription, 1, { topics }, writer);
  return Uint8Array.from(writer.finish());
}

test("offsets are deleted, but not of topics that a member reads", () => {
  const group = new GroupFixture();
  const [t, u] = [group.topic("t", 1).id, group.topic("u", 1).id];
  const remove = (topicId: string, groupId = "g") =>
    group.ask({ kind: "delete-offsets", groupId, token: group.token, topics: [{ topicId, partitions: [0, 1] }] });
  equal(errorOf(remove(t, "nobody")), ErrorCode.GROUP_ID_NOT_FOUND);
  for (const topic of [t, u]) group.send(group.commit("", -1, topic, 5));
  stable(group, 1, { protocols: [{ name: "range", metadata: subscription("t") }] });
  const [kept, gone] = [remove(t), remove(u)];
  ok(kept?.kind === "delete-offsets" && gone?.kind === "delete-offsets");
  deepEqual(kept.codes, [[ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]]);
  deepEqual(gone.codes, [[NONE, NONE]]);
  deepEqual([...(group.fold.groups.get("g")?.offsets.keys() ?? [])], [t]);
  const other = new GroupFixture();
  other.send(other.commit("", -1, t, 5));
  stable(other, 1, { protocolType: "connect" });
  const answer = other.ask({ kind: "delete-offsets", groupId: "g", token: other.token, topics: [] });
  equal(errorOf(answer), ErrorCode.NON_EMPTY_GROUP);
});

test("a group is deleted when nobody is in it", () => {
  const group = new GroupFixture();
  const remove = () => errorOf(group.ask({ kind: "delete-group", groupId: "g", token: group.token }));
  equal(remove(), ErrorCode.GROUP_ID_NOT_FOUND);
  const waiting = group.join("");
  group.send(waiting);
  equal(remove(), ErrorCode.NON_EMPTY_GROUP);
  group.pass(3_000);
  equal(remove(), ErrorCode.NON_EMPTY_GROUP);
  leave(group, joinedOf(group.answers.get(waiting.token)).memberId);
  equal(remove(), NONE);
  equal(group.fold.groups.size, 0);
});

test("offsets expire 7 days after the group became empty, and then the group; what is read never does", () => {
  const group = new GroupFixture();
  const day = 24 * 60 * 60 * 1000;
  const topic = group.topic("t", 1).id;
  const [a = ""] = stable(group, 1, { protocols: [{ name: "range", metadata: subscription("t") }] });
  group.send(group.commit(a, 1, topic, 5));
  group.send(group.commit(a, 1, group.topic("u", 1).id, 5));
  const sweep = () => group.send({ kind: "sweep", groupId: "g" });
  group.wallMs += 8 * day;
  sweep();
  deepEqual([...(group.fold.groups.get("g")?.offsets.keys() ?? [])], [topic]);
  leave(group, a);
  group.wallMs += 7 * day - 1;
  sweep();
  equal(group.fold.groups.get("g")?.offsets.size, 1);
  group.wallMs += 1;
  sweep();
  equal(group.fold.groups.size, 0);
});

test("offsets of a group whose members nobody here can read, or that are rebalancing, are kept", () => {
  const group = new GroupFixture();
  const topic = group.topic("t", 1).id;
  group.send(group.commit("", -1, topic, 5));
  const [a = ""] = stable(group, 1, { protocolType: "connect" });
  group.wallMs += 2 * group.options.offsetsRetentionMs;
  group.send({ kind: "sweep", groupId: "g" });
  equal(group.fold.groups.get("g")?.offsets.size, 1);
  leave(group, a);
  group.send(group.join(""));
  group.send({ kind: "sweep", groupId: "g" });
  equal(group.fold.groups.get("g")?.offsets.size, 1);
});

test("when everybody left a group that is still forming, the next may be of another kind", () => {
  const group = new GroupFixture();
  group.send(group.join(""));
  leave(group, "c-u1");
  const other = group.join("", { protocolType: "connect" });
  equal(group.ask(other), undefined);
  group.pass(6_000);
  const joined = joinedOf(group.answers.get(other.token));
  deepEqual([joined.error, joined.protocolType, joined.leader], [NONE, "connect", joined.memberId]);
});

test("offsets of a topic that is gone go at once, whoever reads", () => {
  const group = new GroupFixture();
  const topic = group.topic("t", 1).id;
  const [a = ""] = stable(group, 1, { protocols: [{ name: "range", metadata: subscription("t") }] });
  group.send(group.commit(a, 1, topic, 5));
  group.topics.clear();
  group.send({ kind: "sweep", groupId: "g" });
  equal(group.fold.groups.get("g")?.offsets.size, 0);
  equal(beat(group, a, 1), NONE);
});

test("describe and list tell state, type and members", () => {
  const group = new GroupFixture();
  equal(describeClassic(group.shard, "g"), undefined);
  const [a = ""] = stable(group, 1);
  const described = describeClassic(group.shard, "g");
  deepEqual([described?.state, described?.protocol, described?.members[0]?.id], ["Stable", "range", a]);
  deepEqual([described?.members[0]?.metadata, described?.members[0]?.assignment], [Uint8Array.of(1), Uint8Array.of(0)]);
  group.send(group.join("", { groupId: "h" }));
  group.send(group.commit("", -1, group.topic("t", 1).id, 1, { groupId: "i" }));
  const names = (states: string[], types: string[]) => [...listGroups(group.shard, states, types)].map(({ groupId }) => groupId);
  deepEqual(names([], []), ["g", "i", "h"]);
  deepEqual(names(["stable"], []), ["g"]);
  deepEqual(names(["preparingrebalance", "EMPTY"], ["Classic"]), ["i", "h"]);
  deepEqual(names([], ["consumer"]), []);
  leave(group, a);
  equal(describeClassic(group.shard, "g")?.state, "Empty");
});
