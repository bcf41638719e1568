import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { PeerKeepAlive } from "./peer-keep-alive.ts";

function setup() {
  const clock = new ManualClock();
  const seen = { pings: [] as (() => void)[], silent: 0, receivedBytes: 0, pendingBytes: 0 };
  const keepAlive = new PeerKeepAlive(clock, 100, {
    ping: (answered) => seen.pings.push(answered),
    receivedBytes: () => seen.receivedBytes,
    pendingBytes: () => seen.pendingBytes,
    silent: () => {
      seen.silent += 1;
    },
  });
  return { clock, seen, keepAlive };
}

test("measures the round trip of each ping that is answered", () => {
  const { clock, seen, keepAlive } = setup();
  equal(keepAlive.rttMs, undefined);
  clock.advance(100);
  clock.advance(7);
  seen.pings[0]?.();
  equal(keepAlive.rttMs, 7);
  clock.advance(1_000);
  deepEqual([seen.pings.length, seen.silent], [2, 1]);
});

test("a ping that is unanswered at the second tick after it: silent, once", () => {
  const { clock, seen } = setup();
  clock.advance(100);
  clock.advance(199);
  equal(seen.silent, 0);
  clock.advance(1);
  equal(seen.silent, 1);
  clock.advance(10_000);
  deepEqual([seen.silent, seen.pings.length], [1, 1]);
});

test("an answer in the last moment counts", () => {
  const { clock, seen } = setup();
  clock.advance(299);
  seen.pings[0]?.();
  clock.advance(101);
  deepEqual([seen.pings.length, seen.silent], [2, 0]);
});

test("after stop nothing happens", () => {
  const { clock, seen, keepAlive } = setup();
  keepAlive.stop();
  clock.advance(10_000);
  deepEqual([seen.pings.length, seen.silent, clock.timers], [0, 0, 0]);
});

test("whoever sends is not silent, though its answer waits behind what it sends", () => {
  const { clock, seen } = setup();
  for (let n = 0; n < 50; n++) {
    seen.receivedBytes += 1;
    clock.advance(100);
  }
  deepEqual([seen.pings.length, seen.silent], [1, 0]);
  clock.advance(100);
  equal(seen.silent, 0);
  clock.advance(100);
  equal(seen.silent, 1);
});

test("a ping behind large messages has more time, until it is answered", () => {
  const { clock, seen } = setup();
  seen.pendingBytes = 1;
  clock.advance(100);
  seen.pendingBytes = 0;
  clock.advance(999);
  equal(seen.silent, 0);
  seen.pings[0]?.();
  clock.advance(1);
  clock.advance(199);
  deepEqual([seen.pings.length, seen.silent], [2, 0]);
  clock.advance(1);
  equal(seen.silent, 1);
  const other = setup();
  other.seen.pendingBytes = 1;
  other.clock.advance(1_099);
  equal(other.seen.silent, 0);
  other.clock.advance(1);
  equal(other.seen.silent, 1);
});
