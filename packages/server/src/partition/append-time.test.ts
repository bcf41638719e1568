import { equal } from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../io/clock.ts";
import { AppendTime } from "./append-time.ts";
import { APPEND_TIME_JUMP_MAX_MS } from "./limits.ts";

function handClock(wallMs: number) {
  const now = { wallMs, monotonicMs: 100 };
  const never = () => {
    throw new Error("not used");
  };
  const clock: Clock = { wallMs: () => now.wallMs, monotonicMs: () => now.monotonicMs, after: never, nextTurn: never };
  return { now, clock };
}

test("follows the wall clock while both advance alike, in steps below a millisecond too", () => {
  const { now, clock } = handClock(5_000);
  const time = new AppendTime(clock, -1);
  equal(time.next(), 5_000);
  for (let n = 0; n < 1_000; n++) {
    now.monotonicMs += 0.25;
    now.wallMs = 5_000 + Math.floor((n + 1) / 4);
    time.next();
  }
  equal(time.next(), 5_250);
});

test("a wall clock that jumps a year ahead moves it by the monotonic time only", () => {
  const { now, clock } = handClock(5_000);
  const time = new AppendTime(clock, -1);
  time.next();
  now.wallMs += 365 * 24 * 3600 * 1000;
  now.monotonicMs += 7;
  equal(time.next(), 5_007);
});

test("a wall clock that goes back stops it", () => {
  const { now, clock } = handClock(5_000);
  const time = new AppendTime(clock, -1);
  time.next();
  now.wallMs = 1;
  now.monotonicMs += 50;
  equal(time.next(), 5_000);
});

test("the first append of an epoch catches up by at most one hour", () => {
  const { clock } = handClock(10 * APPEND_TIME_JUMP_MAX_MS);
  equal(new AppendTime(clock, 1_000).next(), 1_000 + APPEND_TIME_JUMP_MAX_MS);
});
