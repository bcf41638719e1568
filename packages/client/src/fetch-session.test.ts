import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { FetchSession, type Wanted } from "./fetch-session.ts";

function want(partition: number, fetchOffset: number): Wanted {
  return { topic: "t", topicId: "id", partition, fetchOffset, leaderEpoch: 0 };
}

test("the first request is whole, later ones name what changed", () => {
  const session = new FetchSession(true);
  deepEqual(session.next([want(0, 0), want(1, 0)]), { sessionId: 0, sessionEpoch: 0, send: [want(0, 0), want(1, 0)], forget: [] });
  equal(session.answered(0, 77), true);
  deepEqual(session.next([want(0, 5), want(1, 0)]), { sessionId: 77, sessionEpoch: 1, send: [want(0, 5)], forget: [] });
  equal(session.answered(0, 77), true);
  deepEqual(session.next([want(1, 0), want(2, 9)]), { sessionId: 77, sessionEpoch: 2, send: [want(2, 9)], forget: [want(0, 5)] });
});

test("a session that the broker forgot begins anew", () => {
  const session = new FetchSession(true);
  session.next([want(0, 0)]);
  session.answered(0, 77);
  session.next([want(0, 1)]);
  equal(session.answered(70, 0), false);
  deepEqual(session.next([want(0, 1)]), { sessionId: 0, sessionEpoch: 0, send: [want(0, 1)], forget: [] });
});

test("a session with a wrong epoch is closed by the request that begins a new one", () => {
  const session = new FetchSession(true);
  session.next([want(0, 0)]);
  session.answered(0, 77);
  session.next([want(0, 1)]);
  equal(session.answered(71, 0), false);
  deepEqual(session.next([want(0, 1)]), { sessionId: 77, sessionEpoch: 0, send: [want(0, 1)], forget: [] });
  equal(session.answered(0, 78), true);
  equal(session.next([want(0, 1)]).sessionEpoch, 1);
});

test("without sessions every request is whole", () => {
  for (const isUsed of [true, false]) {
    const session = new FetchSession(isUsed);
    session.next([want(0, 0)]);
    session.answered(0, 0);
    const next = session.next([want(0, 0)]);
    deepEqual(next, { sessionId: 0, sessionEpoch: isUsed ? 0 : -1, send: [want(0, 0)], forget: [] });
  }
});
