import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { TURN_SHARE_MS } from "./limits.ts";
import { TurnShare } from "./turn-share.ts";

test("what takes too long for one turn runs in the next ones, in order", () => {
  const clock = new ManualClock();
  const turns: (() => void)[] = [];
  const share = new TurnShare({
    monotonicMs: () => clock.nowMs,
    wallMs: () => 0,
    after: (delayMs, run) => clock.after(delayMs, run),
    nextTurn: (run) => turns.push(run),
  });
  const ran: number[] = [];
  const work = (n: number) => () => {
    ran.push(n);
    clock.nowMs += TURN_SHARE_MS / 2;
  };
  for (let n = 0; n < 5; n++) share.run(work(n));
  deepEqual(ran, [0, 1]);
  turns.shift()?.();
  deepEqual(ran, [0, 1, 2, 3]);
  share.run(work(5));
  turns.shift()?.();
  deepEqual(ran, [0, 1, 2, 3, 4, 5]);
  turns.shift()?.();
  share.run(work(6));
  deepEqual(ran, [0, 1, 2, 3, 4, 5, 6]);
});
