// Goal: what is said of a follower is what it lacks, and since when; of what nobody knows nothing is said.
import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { lagOf, summaryOf } from "./follower-lag.ts";
import type { LedLog } from "./logs.ts";
import { ReplicaSet } from "./replica-set.ts";

const LEADER = 1;
const BYTES_OF_RECORD = 10;

/** Its log ends at 100; the epoch began with it at 40, 1 s ago. */
function ledBy(followers: readonly (readonly [broker: number, end: number, logEnd: number, atMs: number])[]) {
  const set = new ReplicaSet(LEADER, { replicas: [2, LEADER, 3, 4], inSync: [1, 2, 3] }, { logEnd: 40, nowMs: 1_000 });
  for (const [broker, end, logEnd, atMs] of followers) set.acknowledged(broker, end, logEnd, atMs);
  const log = { logEnd: 100, bytesFrom: (offset: number) => (100 - offset) * BYTES_OF_RECORD } as unknown as LedLog;
  return { log, set };
}

test("records, bytes and time of each follower, in the order of the replicas", () => {
  const led = ledBy([
    [2, 100, 100, 1_500],
    [3, 70, 70, 1_200],
  ]);
  deepEqual(lagOf(led, LEADER, 2_000), [
    { broker: 2, inSync: true, records: 0, bytes: 0, ms: 0 },
    { broker: 3, inSync: true, records: 30, bytes: 300, ms: 800 },
    { broker: 4, inSync: false, records: undefined, bytes: undefined, ms: 1_000 },
  ]);
});

test("over partitions: the most records, all bytes, the longest time", () => {
  const first = lagOf(ledBy([[3, 70, 70, 1_200]]), LEADER, 2_000);
  const second = lagOf(ledBy([[3, 90, 90, 1_100]]), LEADER, 2_000);
  const summaries = summaryOf([
    [7, first],
    [8, second],
  ]);
  deepEqual(summaries.get(3), { recordsMax: 30, bytes: 400, msMax: 900 });
  deepEqual(summaries.get(4), { recordsMax: 0, bytes: 0, msMax: 1_000 });
});
