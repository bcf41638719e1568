// Goal: what a broker follows is its leader's to upload: it is not counted as its own, and is uploaded when it fills the follower's log.
// Method: two brokers on simulated devices; the leader has room for everything and no reason of its own to upload.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { KiB, MiB } from "../../base/units.ts";
import { BrokerPair } from "../../testing/broker-pair.ts";
import { append, records } from "../../testing/partition-fixture.ts";

/** Nothing makes an upload due by itself. */
const UNHURRIED = { uploadBytes: 1_024 * MiB, uploadAgeMs: 24 * 3_600_000 };
const FILE_BYTES = 256 * KiB;
const FOLLOWER_BYTES = 12 * FILE_BYTES;
const RECORD_BYTES = 60 * KiB;

async function write(pair: BrokerPair, topic: string, bytes: number): Promise<void> {
  for (let n = 0; n < bytes / RECORD_BYTES; n += 1) {
    const { committed, code } = append(pair.led(topic), records(1, {}, n, RECORD_BYTES));
    equal(code, undefined, `record ${n}`);
    ok(await pair.cluster.until(20_000, ...isFulfilled(committed)), `record ${n} is committed`);
  }
}

function isFulfilled(promise: Promise<unknown>): [() => boolean] {
  let isDone = false;
  void promise.then(() => {
    isDone = true;
  });
  return [() => isDone];
}

test("pending is what is led here, not what is followed", async () => {
  const pair = await BrokerPair.open(UNHURRIED, UNHURRIED);
  await pair.createTopic("t");
  await write(pair, "t", 10 * RECORD_BYTES);
  ok(pair.first.broker.uploader.pendingBytes >= 10 * RECORD_BYTES);
  equal(pair.second.broker.uploader.pendingBytes, 0);
});

test("a follower's log that fills is emptied by its leaders' uploads, of what keeps it alone", async () => {
  const pair = await BrokerPair.open(
    { ...UNHURRIED, walCapacityBytes: 10 * FOLLOWER_BYTES },
    { ...UNHURRIED, walCapacityBytes: FOLLOWER_BYTES },
  );
  await pair.createTopic("alone", [1]);
  await pair.createTopic("t");
  await write(pair, "alone", 4 * RECORD_BYTES);
  await write(pair, "t", 2 * FOLLOWER_BYTES);
  const { state } = pair.first.broker.controller;
  deepEqual(state.partition("t", 0)?.inSync.toSorted(), [1, 2]);
  ok((state.partition("t", 0)?.uploadedEnd ?? 0) > 0);
  equal(state.partition("alone", 0)?.uploadedEnd, 0, "it fills nobody's log");
});
