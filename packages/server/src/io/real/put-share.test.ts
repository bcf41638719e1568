// Goal: whoever has much to do takes no more than a share from whoever has to do anything else. Method: a thread of made-up times.
import { ok } from "node:assert/strict";
import { test } from "node:test";
import type { PutPace } from "../object-store.ts";
import { PutShare } from "./put-share.ts";

/** Part of the time that a put which never ends gets, beside calls that never end. */
function ratioOfPut(pace: PutPace, stepMs: number, callMs: number): number {
  const share = new PutShare();
  let nowMs = 0;
  let putMs = 0;
  while (nowMs < 10_000) {
    const startMs = nowMs;
    if (share.waitMs(nowMs, pace, true) <= 0) {
      nowMs += stepMs;
      putMs += stepMs;
      share.stepped(startMs, nowMs);
    } else {
      nowMs += callMs;
      share.served(startMs, nowMs, true);
    }
  }
  return putMs / nowMs;
}

function near(ratio: number, expected: number): void {
  ok(Math.abs(ratio - expected) < 0.02, `${ratio} where ${expected} is expected`);
}

test("an urgent put and other calls share the time evenly, however long each of them takes", () => {
  for (const [stepMs, callMs] of [
    [1, 1],
    [4, 20],
    [20, 0.5],
  ] as const)
    near(ratioOfPut("urgent", stepMs, callMs), 1 / 2);
});

test("one that is relaxed gets a quarter", () => {
  near(ratioOfPut("relaxed", 4, 1), 1 / 4);
  near(ratioOfPut("relaxed", 1, 0.1), 1 / 4);
});

test("one that has the thread for itself rests only when it is relaxed", () => {
  const share = new PutShare();
  share.stepped(0, 10);
  ok(share.waitMs(10, "urgent", false) <= 0);
  ok(share.waitMs(10, "relaxed", false) > 0);
});

test("one call that takes very long is not paid back at once", () => {
  const share = new PutShare();
  share.served(0, 60_000, true);
  let steps = 0;
  while (share.waitMs(60_000 + steps, "urgent", true) <= 0 && steps < 1000) {
    share.stepped(60_000 + steps, 60_001 + steps);
    steps += 1;
  }
  ok(steps > 1 && steps < 200, `${steps} steps of 1 ms`);
});
