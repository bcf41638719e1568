import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { BrokerSessions } from "./broker-sessions.ts";

const broker = (id: number, epoch = 1, fenced = false) => ({ id, epoch, fenced });
const ids = (brokers: readonly { id: number }[]) => brokers.map(({ id }) => id);

test("a new controller gives everybody a whole session before it fences anybody", () => {
  const sessions = new BrokerSessions(2_000);
  sessions.heard(1, 1, 5_000, 0);
  sessions.begin(10_000);
  deepEqual(ids(sessions.silent([broker(1), broker(2)], 11_999)), []);
  equal(sessions.nextMs([broker(1), broker(2)]), 12_000);
  deepEqual(ids(sessions.silent([broker(1), broker(2)], 12_000)), [1, 2]);
});

test("whoever was heard within a session is not fenced", () => {
  const sessions = new BrokerSessions(2_000);
  sessions.begin(0);
  sessions.heard(1, 1, 1_500, 7);
  deepEqual(ids(sessions.silent([broker(1), broker(2)], 3_000)), [2]);
  equal(sessions.nextMs([broker(1), broker(2, 1, true)]), 3_500);
  deepEqual(ids(sessions.silent([broker(1)], 3_500)), [1]);
  equal(sessions.session(1)?.appliedIndex, 7);
});

test("an earlier process that still speaks does not keep its successor alive, nor is it heard over it", () => {
  const sessions = new BrokerSessions(2_000);
  sessions.begin(0);
  sessions.heard(1, 4, 100, 0);
  sessions.heard(1, 3, 5_000, 0);
  equal(sessions.session(1)?.brokerEpoch, 4);
  deepEqual(ids(sessions.silent([broker(1, 4)], 2_200)), [1]);
  deepEqual(ids(sessions.silent([broker(1, 5)], 2_200)), [1], "of the newest registered nothing was heard");
});

test("a dead process is fenced at once, and only that one", () => {
  const sessions = new BrokerSessions(2_000);
  sessions.begin(0);
  sessions.heard(1, 1, 1_000, 0);
  sessions.died(1, 2);
  deepEqual(sessions.silent([broker(1)], 1_001), []);
  sessions.died(1, 1);
  deepEqual(ids(sessions.silent([broker(1)], 1_001)), [1], "in the first session of the controller, too");
  sessions.heard(1, 1, 1_100, 0);
  deepEqual(sessions.silent([broker(1)], 1_200), [], "it was not");
});

test("who is not the controller fences nobody", () => {
  const sessions = new BrokerSessions(2_000);
  deepEqual(sessions.silent([broker(1)], Number.MAX_SAFE_INTEGER), []);
  sessions.begin(0);
  sessions.end();
  deepEqual(sessions.silent([broker(1)], Number.MAX_SAFE_INTEGER), []);
  equal(sessions.nextMs([broker(1)]), Number.POSITIVE_INFINITY);
});
