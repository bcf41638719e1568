import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { TurnShare } from "./turn-share.ts";

const SHARE_MS = 4;

function clockOf(turns: (() => void)[]) {
  const clock = new ManualClock();
  const nextTurn = (run: () => void) => turns.push(run);
  return { clock, steps: { monotonicMs: () => clock.nowMs, wallMs: () => 0, after: clock.after.bind(clock), nextTurn } };
}

test("what takes too long for one turn runs in the next ones, in order", () => {
  const turns: (() => void)[] = [];
  const { clock, steps } = clockOf(turns);
  const share = new TurnShare(steps, SHARE_MS);
  const ran: number[] = [];
  const work = (n: number) => () => {
    ran.push(n);
    clock.nowMs += SHARE_MS / 2;
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

test("what says its cost is counted by that; what is large waits for a turn, and takes all that is left of it", () => {
  const turns: (() => void)[] = [];
  const share = new TurnShare(clockOf(turns).steps, 3);
  const ran: number[] = [];
  [1, 1, 60, 1, 1, 1, 1].forEach((cost, n) => share.run(() => ran.push(n), cost));
  deepEqual(ran, [0, 1]);
  turns.shift()?.();
  deepEqual(ran, [0, 1, 2]);
  turns.shift()?.();
  deepEqual(ran, [0, 1, 2, 3, 4, 5]);
  turns.shift()?.();
  deepEqual(ran, [0, 1, 2, 3, 4, 5, 6]);
  turns.shift()?.();
  deepEqual(turns.length, 0);
  share.run(() => ran.push(7), 2);
  deepEqual(ran.length, 7);
  turns.shift()?.();
  deepEqual(ran.length, 8);
});

test("what others wait for goes first in each turn that has work", () => {
  const turns: (() => void)[] = [];
  const ran: (number | string)[] = [];
  const { clock, steps } = clockOf(turns);
  const share = new TurnShare(steps, SHARE_MS, () => ran.push("first"));
  for (let n = 0; n < 5; n++)
    share.run(() => {
      ran.push(n);
      clock.nowMs += SHARE_MS / 2;
    });
  equal(share.putOff, 3);
  for (let n = 0; n < 3; n++) turns.shift()?.();
  deepEqual(ran, [0, 1, "first", 2, 3, "first", 4]);
});

test("owners take turns; what is of one of them stays in order", () => {
  const turns: (() => void)[] = [];
  const share = new TurnShare(clockOf(turns).steps, 2);
  const ran: string[] = [];
  for (const name of ["a1", "a2", "a3", "a4", "a5", "b1", "c1", "a6", "b2"]) share.run(() => ran.push(name), 1, name.charAt(0));
  while (turns.length > 0) turns.shift()?.();
  deepEqual(ran, ["a1", "a2", "a3", "b1", "c1", "a4", "b2", "a5", "a6"]);
});
