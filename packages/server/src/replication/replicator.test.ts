// Goal: a wish for the in-sync set that has no answer does not hold the mark for ever, and nobody is wished out for a quiet time.
// Method: a leader whose controllers answer when the test says so.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../base/errors.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { LAG_MAX_MS, LOOK_MS } from "./limits.ts";
import type { LedLog } from "./logs.ts";
import { type InSyncChange, Replicator } from "./replicator.ts";

/** Its log ends at 12 when it is led, and grows. */
const newLog = () =>
  ({
    id: 7,
    name: "t-0",
    leaderEpoch: 3,
    logEnd: 12,
    durableEnd: 20,
    uploadedEnd: 0,
    highWatermark: 10,
    history: () => ({ epochs: [], starts: [], end: 20 }),
    bytesFrom: () => 0,
    baseForReplica: () => new Uint8Array(0),
    foldDigest: () => undefined,
    readForReplica: () => ({ pieces: [], bytes: 0, nextOffset: 20, hold: undefined, appendTimesMs: [] }),
    moveMark: () => undefined,
  }) satisfies LedLog;

/** Broker 1; `changeInSync`: what controllers do with its wishes. */
function leader(clock: ManualClock, changeInSync: (change: InSyncChange) => Promise<void>): Replicator {
  return new Replicator({
    brokerId: 1,
    brokerEpoch: 1,
    clock,
    random: { uint32: () => 0, bytes: (length) => new Uint8Array(length) },
    logger: new RecordingLog(),
    state: { clusterId: "c", metadataIndex: 0, brokerEpoch: () => 1, isReady: () => true, minInSync: () => 1, changeInSync },
    peer: () => undefined,
    settled: () => undefined,
    usedRatio: () => 0,
    pinned: () => undefined,
    fatal: (error) => {
      throw error;
    },
  });
}

/** Whose wishes are granted; it is not told of what it applies then. */
function granted(clock: ManualClock) {
  const asked: string[] = [];
  const replicator = leader(clock, ({ to }) => {
    asked.push(to.join());
    return Promise.resolve();
  });
  return { replicator, asked };
}

async function pass(clock: ManualClock): Promise<void> {
  clock.advance(LOOK_MS);
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

test("a member that was to join, and could not be heard of as one, is given up by a wish for the set as it is", async () => {
  const clock = new ManualClock();
  const log = newLog();
  const asked: string[] = [];
  let answers = false;
  const replicator = leader(clock, ({ to }) => {
    asked.push(to.join());
    if (!answers) return Promise.reject(new QueueError("REQUEST_TIMED_OUT", "no answer"));
    replicator.membersChanged(log.id, { replicas: [1, 2], inSync: to });
    return Promise.resolve();
  });
  const set = replicator.lead(log, { replicas: [1, 2], inSync: [1] });
  log.logEnd = 20;
  set.acknowledged(2, 15, 20, 0);
  await pass(clock);
  deepEqual(asked, ["1,2"]);
  equal(set.markOf(20), 15, "it may have become a member");
  answers = true;
  for (let n = 0; n < 4 && asked.length < 2; n += 1) await pass(clock);
  deepEqual(asked, ["1,2", "1"]);
  equal(set.markOf(20), 20);
  replicator.close();
});

test("who has lost a part is not wished back into the set by what it acknowledged before", async () => {
  const clock = new ManualClock();
  const log = newLog();
  const { replicator, asked } = granted(clock);
  const set = replicator.lead(log, { replicas: [1, 2], inSync: [1, 2] });
  set.acknowledged(2, 20, 20, clock.nowMs);
  replicator.replicaDamaged(log.id, 2);
  replicator.membersChanged(log.id, { replicas: [1, 2], inSync: [1] });
  await pass(clock);
  await pass(clock);
  deepEqual([asked, set.endOf(2)], [[], undefined]);
  set.acknowledged(2, 20, 20, clock.nowMs);
  await pass(clock);
  deepEqual(asked, ["1,2"]);
  replicator.close();
});

test("the first record after a quiet time costs no follower its place", async () => {
  const clock = new ManualClock();
  const log = newLog();
  const { replicator, asked } = granted(clock);
  const set = replicator.lead(log, { replicas: [1, 2, 3], inSync: [1, 2, 3] });
  for (const broker of [2, 3]) set.acknowledged(broker, log.logEnd, log.logEnd, clock.nowMs);
  clock.advance(10 * LAG_MAX_MS);
  log.logEnd = 13;
  set.acknowledged(2, 13, 13, clock.nowMs);
  replicator.acknowledged([{ log, set }]);
  deepEqual(asked, [], "broker 3 had no time to answer");
  ok((replicator.lagOf(log.id)[1]?.ms ?? 0) <= LOOK_MS);
  for (let n = 0; n <= LAG_MAX_MS / LOOK_MS; n += 1) await pass(clock);
  deepEqual([...new Set(asked)], ["1,2"], "it has had it by now");
  replicator.close();
});
