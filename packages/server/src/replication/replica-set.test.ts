// Goal: the mark is what every member has, and a member is who has everything that counts.
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { LAG_MAX_MS } from "./limits.ts";
import { ReplicaSet, type SetSituation } from "./replica-set.ts";

const REPLICAS = [1, 2, 3];

/** Led by broker 1, whose log ended at 10 when the epoch began. */
function setOf(inSync: readonly number[]): ReplicaSet {
  return new ReplicaSet(1, { replicas: REPLICAS, inSync }, { logEnd: 10, nowMs: 0 });
}

function situation(more: Partial<SetSituation> = {}): SetSituation {
  return { logEnd: 20, highWatermark: 12, nowMs: 0, minimum: 2, isReady: () => true, ...more };
}

test("the mark stands until each member has spoken in this epoch, and is the lowest of their ends", () => {
  const set = setOf([1, 2, 3]);
  equal(set.markOf(20), -1);
  set.acknowledged(2, 15, 20, 0);
  equal(set.markOf(20), -1);
  set.acknowledged(3, 12, 20, 0);
  equal(set.markOf(20), 12);
  equal(set.markOf(11), 11, "the leader's own log counts");
  set.acknowledged(3, 20, 20, 0);
  equal(set.markOf(20), 15);
  set.forget(2);
  equal(set.markOf(20), -1, "of another process nothing is known");
});

test("while a change is not settled both sets count", () => {
  const set = setOf([1, 2]);
  set.acknowledged(2, 18, 20, 0);
  set.acknowledged(3, 13, 20, 0);
  equal(set.markOf(20), 18);
  set.propose([1, 2, 3]);
  equal(set.markOf(20), 13);
  deepEqual(set.pending, [1, 2, 3]);
  set.members = { replicas: REPLICAS, inSync: [1, 2] };
  equal(set.markOf(20), 18);
  equal(set.pending, undefined);
});

test("a wish that was refused counts no more, unless an attempt before it may still come into force", () => {
  const set = setOf([1, 2]);
  set.acknowledged(2, 18, 20, 0);
  set.acknowledged(3, 13, 20, 0);
  set.propose([1, 2, 3]);
  set.refused(true);
  equal(set.markOf(20), 18);
  set.propose([1, 2, 3]);
  set.refused(false);
  equal(set.markOf(20), 13, "both count on");
  deepEqual(set.pending, [1, 2], "the set as it is is asked for: what was asked before is void then");
});

test("who has everything up to the mark, and to where the epoch began, joins when it is ready", () => {
  const set = setOf([1, 2]);
  equal(set.wanted(situation()), undefined);
  set.acknowledged(3, 11, 20, 0);
  equal(set.wanted(situation()), undefined, "below the mark");
  set.acknowledged(3, 12, 20, 0);
  deepEqual(set.wanted(situation()), [1, 2, 3]);
  equal(set.wanted(situation({ isReady: (broker) => broker !== 3 })), undefined);
  const late = setOf([1, 2]);
  late.acknowledged(3, 9, 20, 0);
  equal(late.wanted(situation({ highWatermark: 5 })), undefined, "below where the epoch began");
});

test("who is at no time at the end for ten seconds leaves, but not below the minimum", () => {
  const set = setOf([1, 2, 3]);
  set.acknowledged(2, 20, 20, 0);
  set.acknowledged(3, 15, 20, 0);
  const late = { nowMs: LAG_MAX_MS + 1 };
  equal(set.wanted(situation({ nowMs: LAG_MAX_MS })), undefined);
  deepEqual(set.wanted(situation(late)), [1, 2]);
  equal(set.wanted(situation({ ...late, minimum: 3 })), undefined);
  set.acknowledged(2, 25, 25, LAG_MAX_MS);
  set.acknowledged(3, 25, 25, LAG_MAX_MS);
  equal(set.wanted(situation({ ...late, logEnd: 30 })), undefined, "both were at the end a moment ago");
  const silent = setOf([1, 2, 3]);
  silent.acknowledged(2, 20, 20, 0);
  deepEqual(silent.wanted(situation(late)), [1, 2], "nor who never said a word");
});

test("who is fenced leaves as soon as another takes the place", () => {
  const set = setOf([1, 2]);
  const fenced = { isReady: (broker: number) => broker !== 2 };
  equal(set.wanted(situation(fenced)), undefined, "at the minimum");
  set.acknowledged(3, 20, 20, 0);
  deepEqual(set.wanted(situation(fenced)), [1, 3]);
});

test("whoever was at the end of a log that nobody wrote to is late only from the next record on", () => {
  const set = setOf([1, 2, 3]);
  for (const broker of [2, 3]) set.acknowledged(broker, 20, 20, 0);
  const idleMs = 60_000;
  set.looked(20, idleMs);
  equal(set.caughtUpMs(3, 21, idleMs + 1), idleMs);
  set.acknowledged(2, 21, 21, idleMs + 2);
  equal(set.wanted(situation({ logEnd: 21, nowMs: idleMs + 2 })), undefined, "broker 3 had no time to answer");
  deepEqual(set.wanted(situation({ logEnd: 21, nowMs: idleMs + LAG_MAX_MS + 1 })), [1, 2]);
});

test("a leader is followed still when every member has acknowledged what was sent since it asked", () => {
  const set = setOf([1, 2, 3]);
  const first = set.ask();
  set.answered(2, first);
  equal(set.isFollowed(first), false, "broker 3 may lead by now");
  set.answered(3, first);
  equal(set.isFollowed(first), true);
  equal(set.isFollowed(set.ask()), false, "that was before");
  set.members = { replicas: REPLICAS, inSync: [1, 2] };
  set.answered(2, set.asked);
  equal(set.isFollowed(set.asked), true);
  set.propose([1, 2, 3]);
  equal(set.isFollowed(set.asked), false, "a member that is wished for counts");
});

test("who is a replica no more has given up what it had, though it comes back", () => {
  const set = setOf([1]);
  set.acknowledged(3, 20, 20, 0);
  deepEqual(set.replicasLeft({ replicas: [1, 2], inSync: [1] }), [3]);
  set.members = { replicas: [1, 2], inSync: [1] };
  set.members = { replicas: [1, 2, 3], inSync: [1] };
  equal(set.endOf(3), undefined);
  equal(set.wanted(situation({ minimum: 1 })), undefined, "it has said nothing since");
});
