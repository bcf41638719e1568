import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { FetchRequest } from "@tidemq/protocol/messages/01-fetch.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import type { Random } from "../io/random.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { type FetchScope, FetchSessions } from "./fetch-session.ts";
import { FETCH_SESSION_EVICTION_MS } from "./limits.ts";

const VERSION = 12;
const TOPIC_A = "AAAAAAAAAAAAAAAAAAAAAQ";

function counting(): Random {
  let next = 0;
  return { uint32: () => (next += 2), bytes: (length) => new Uint8Array(length) };
}

function asked(partition: number, fetchOffset: number) {
  return {
    partition,
    fetchOffset,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    logStartOffset: -1,
    partitionMaxBytes: 1000,
    replicaDirectoryId: ZERO_UUID,
    highWatermark: 0n,
  };
}

function request(
  sessionId: number,
  sessionEpoch: number,
  offsets: Readonly<Record<number, number>> = {},
  forget: readonly number[] = [],
): FetchRequest {
  const topic = { topic: "a", topicId: TOPIC_A };
  const partitions = Object.entries(offsets).map(([index, offset]) => asked(Number(index), offset));
  return {
    clusterId: null,
    replicaId: -1,
    replicaState: { replicaId: -1, replicaEpoch: -1 },
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1000,
    isolationLevel: 0,
    sessionId,
    sessionEpoch,
    topics: partitions.length === 0 ? [] : [{ ...topic, partitions }],
    forgottenTopicsData: forget.length === 0 ? [] : [{ ...topic, partitions: forget }],
    rackId: "",
  };
}

function setUp(sessionsMax?: number, positionsMax?: number) {
  const clock = new ManualClock();
  return { clock, sessions: new FetchSessions(clock, counting(), sessionsMax, positionsMax) };
}

function fine(scope: FetchScope) {
  if (scope.error !== undefined) throw new Error(`error ${scope.error}`);
  return { ...scope, offsets: Object.fromEntries([...scope.positions].map(({ index, offset }) => [index, offset])) };
}

test("without a session everything is asked for each time", () => {
  const { sessions } = setUp();
  const scope = fine(sessions.scopeOf(request(0, -1, { 0: 5, 1: 6 }), VERSION));
  deepEqual([scope.session, scope.isFull, scope.offsets], [undefined, true, { 0: 5, 1: 6 }]);
  equal(sessions.count, 0);
});

test("a session remembers what was asked for; later requests name what changed", () => {
  const { sessions } = setUp();
  const first = fine(sessions.scopeOf(request(0, 0, { 0: 5, 1: 6, 2: 7 }), VERSION));
  const id = first.session?.id ?? 0;
  ok(id > 0);
  equal(first.isFull, true);
  deepEqual(fine(sessions.scopeOf(request(id, 1, { 1: 60 }), VERSION)).offsets, { 0: 5, 1: 60, 2: 7 });
  const third = fine(sessions.scopeOf(request(id, 2, { 3: 8 }, [0, 9]), VERSION));
  deepEqual(third.offsets, { 1: 60, 2: 7, 3: 8 });
  deepEqual([third.isFull, third.session?.id], [false, id]);
  deepEqual([sessions.count, sessions.positions], [1, 3]);
});

test("an unknown session, a wrong epoch, another way to name topics", () => {
  const { sessions } = setUp();
  deepEqual(sessions.scopeOf(request(77, 1), VERSION), { error: ErrorCode.FETCH_SESSION_ID_NOT_FOUND });
  const id = fine(sessions.scopeOf(request(0, 0, { 0: 5 }), VERSION)).session?.id ?? 0;
  deepEqual(sessions.scopeOf(request(id, 2), VERSION), { error: ErrorCode.INVALID_FETCH_SESSION_EPOCH });
  deepEqual(sessions.scopeOf(request(id, 1), 13), { error: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR });
  fine(sessions.scopeOf(request(id, 1), VERSION));
  deepEqual(sessions.scopeOf(request(id, 1), VERSION), { error: ErrorCode.INVALID_FETCH_SESSION_EPOCH });
});

test("a full request with a session's number ends that session", () => {
  const { sessions } = setUp();
  const id = fine(sessions.scopeOf(request(0, 0, { 0: 5 }), VERSION)).session?.id ?? 0;
  const next = fine(sessions.scopeOf(request(id, 0, { 1: 5 }), VERSION)).session?.id ?? 0;
  ok(next > 0 && next !== id);
  deepEqual(sessions.scopeOf(request(id, 1), VERSION), { error: ErrorCode.FETCH_SESSION_ID_NOT_FOUND });
  fine(sessions.scopeOf(request(next, -1, { 1: 5 }), VERSION));
  deepEqual([sessions.count, sessions.positions], [0, 0]);
});

test("a session that forgets everything is over", () => {
  const { sessions } = setUp();
  const id = fine(sessions.scopeOf(request(0, 0, { 0: 5 }), VERSION)).session?.id ?? 0;
  const scope = fine(sessions.scopeOf(request(id, 1, {}, [0]), VERSION));
  deepEqual([scope.session, scope.offsets], [undefined, {}]);
  deepEqual([sessions.count, sessions.positions], [0, 0]);
});

test("the epoch goes from the largest to 1", () => {
  const { sessions } = setUp();
  const session = fine(sessions.scopeOf(request(0, 0, { 0: 5 }), VERSION)).session;
  if (session === undefined) throw new Error("a session");
  session.epoch = 0x7fff_ffff;
  fine(sessions.scopeOf(request(session.id, 0x7fff_ffff), VERSION));
  fine(sessions.scopeOf(request(session.id, 1), VERSION));
});

test("topics by id from version 13 on", () => {
  const { sessions } = setUp();
  const first = fine(sessions.scopeOf(request(0, 0, { 0: 5 }), 13));
  const [position] = first.session?.positions.values() ?? [];
  deepEqual([position?.topic, position?.topicId], ["", TOPIC_A]);
  deepEqual(fine(sessions.scopeOf(request(first.session?.id ?? 0, 1, {}, [0]), 13)).offsets, {});
});

test("when all are in use a client gets none; one long unused makes room", () => {
  const { sessions, clock } = setUp(2);
  const open = () => fine(sessions.scopeOf(request(0, 0, { 0: 5 }), VERSION)).session;
  const [first, second] = [open(), open()];
  clock.advance(FETCH_SESSION_EVICTION_MS / 2);
  fine(sessions.scopeOf(request(first?.id ?? 0, 1), VERSION));
  equal(open(), undefined);
  clock.advance(FETCH_SESSION_EVICTION_MS / 2);
  ok(open() !== undefined);
  deepEqual(sessions.scopeOf(request(second?.id ?? 0, 1), VERSION), { error: ErrorCode.FETCH_SESSION_ID_NOT_FOUND });
  fine(sessions.scopeOf(request(first?.id ?? 0, 2), VERSION));
  equal(sessions.count, 2);
});

test("what has sent records is served last the next time", () => {
  const { sessions } = setUp();
  const { session } = fine(sessions.scopeOf(request(0, 0, { 0: 5, 1: 5, 2: 5 }), VERSION));
  const [first] = session?.positions.values() ?? [];
  if (first !== undefined) session?.moveToEnd(first);
  const { positions } = fine(sessions.scopeOf(request(session?.id ?? 0, 1), VERSION));
  deepEqual(
    [...positions].map(({ index }) => index),
    [1, 2, 0],
  );
});

test("all sessions together have so many partitions: one that grows beyond is over, a new one is not opened", () => {
  const { sessions } = setUp(10, 5);
  const id = fine(sessions.scopeOf(request(0, 0, { 0: 1, 1: 1, 2: 1 }), VERSION)).session?.id ?? 0;
  equal(fine(sessions.scopeOf(request(0, 0, { 0: 1, 1: 1, 2: 1 }), VERSION)).session, undefined);
  fine(sessions.scopeOf(request(id, 1, { 3: 1, 4: 1 }), VERSION));
  deepEqual(sessions.scopeOf(request(id, 2, { 5: 1 }), VERSION), { error: ErrorCode.FETCH_SESSION_ID_NOT_FOUND });
  deepEqual([sessions.count, sessions.positions], [0, 0]);
});
