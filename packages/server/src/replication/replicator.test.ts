// Goal: a wish for the in-sync set that has no answer does not hold the mark for ever. Method: a leader whose controllers do not answer.
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../base/errors.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { LOOK_MS } from "./limits.ts";
import type { LedLog } from "./logs.ts";
import { Replicator } from "./replicator.ts";

/** Its log ends at 12 when it is led, and grows. */
const LOG = {
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
  readForReplica: () => ({ pieces: [], bytes: 0, nextOffset: 20, hold: undefined, appendTimesMs: [] }),
  moveMark: () => undefined,
} satisfies LedLog;

test("a member that was to join, and could not be heard of as one, is given up by a wish for the set as it is", async () => {
  const clock = new ManualClock();
  const asked: string[] = [];
  let answers = false;
  const replicator = new Replicator({
    brokerId: 1,
    brokerEpoch: 1,
    clock,
    random: { uint32: () => 0, bytes: (length) => new Uint8Array(length) },
    logger: new RecordingLog(),
    state: {
      clusterId: "c",
      brokerEpoch: () => 1,
      isReady: () => true,
      minInSync: () => 1,
      changeInSync: ({ to }) => {
        asked.push(to.join());
        if (!answers) return Promise.reject(new QueueError("REQUEST_TIMED_OUT", "no answer"));
        replicator.membersChanged(LOG.id, { replicas: [1, 2], inSync: to });
        return Promise.resolve();
      },
    },
    peer: () => undefined,
    settled: () => undefined,
    fatal: (error) => {
      throw error;
    },
  });
  const set = replicator.lead(LOG, { replicas: [1, 2], inSync: [1] });
  LOG.logEnd = 20;
  set.acknowledged(2, 15, 20, 0);
  const pass = async (): Promise<void> => {
    clock.advance(LOOK_MS);
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  };
  await pass();
  deepEqual(asked, ["1,2"]);
  equal(set.markOf(20), 15, "it may have become a member");
  answers = true;
  for (let n = 0; n < 4 && asked.length < 2; n += 1) await pass();
  deepEqual(asked, ["1,2", "1"]);
  equal(set.markOf(20), 20);
  replicator.close();
});
