import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { PeerKeepAlive } from "./peer-keep-alive.ts";

function setup() {
  const clock = new ManualClock();
  const seen = { pings: [] as (() => void)[], silent: 0 };
  const keepAlive = new PeerKeepAlive(
    clock,
    100,
    (answered) => seen.pings.push(answered),
    () => (seen.silent += 1),
  );
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
