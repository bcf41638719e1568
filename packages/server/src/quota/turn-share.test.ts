import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { StepLength, type Steps, TurnShare, takeAll } from "./turn-share.ts";

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

/** Each step of it takes a part of a turn, and is told. */
function* work(name: string, count: number, clock: ManualClock, ran: string[], last: "more" | "turn" = "more"): Steps {
  for (let n = 1; n <= count; n += 1) {
    if (n > 1) yield n === count ? last : "more";
    ran.push(`${name}${n}`);
    clock.nowMs += SHARE_MS / 2;
  }
}

test("work in steps goes on in the next turns; its owner's other work waits for all of it, and others have their turn between", () => {
  const turns: (() => void)[] = [];
  const { clock, steps } = clockOf(turns);
  const share = new TurnShare(steps, SHARE_MS);
  const ran: string[] = [];
  share.take(work("a", 5, clock, ran), "a");
  share.run(() => ran.push("after"), 0, "a");
  share.take(work("b", 2, clock, ran), "b");
  deepEqual(ran, ["a1", "a2"]);
  turns.shift()?.();
  deepEqual(ran, ["a1", "a2", "a3", "b1"]);
  turns.shift()?.();
  deepEqual(ran.slice(4), ["a4", "b2"]);
  turns.shift()?.();
  deepEqual(ran.slice(6), ["a5", "after"]);
  share.take(work("c", 1, clock, ran), "a");
  turns.shift()?.();
  deepEqual(ran.slice(8), ["c1"]);
  turns.shift()?.();
  equal(turns.length, 0);
});

test("a step that takes long begins a turn", () => {
  const turns: (() => void)[] = [];
  const { clock, steps } = clockOf(turns);
  const share = new TurnShare(steps, 10 * SHARE_MS);
  const ran: string[] = [];
  share.take(work("a", 3, clock, ran, "turn"));
  share.run(() => ran.push("b"));
  deepEqual(ran, ["a1", "a2"]);
  turns.shift()?.();
  deepEqual(ran, ["a1", "a2", "a3", "b"]);
});

test("what comes from within a step does not overtake the rest of it", () => {
  const turns: (() => void)[] = [];
  const share = new TurnShare(clockOf(turns).steps, 2);
  const ran: string[] = [];
  share.take(
    (function* (): Steps {
      share.run(() => ran.push("inner 1"), 1);
      share.run(() => ran.push("inner 2"), 2);
      ran.push("outer 1");
      yield "turn";
      ran.push("outer 2");
    })(),
  );
  while (turns.length > 0) turns.shift()?.();
  deepEqual(ran, ["inner 1", "outer 1", "outer 2", "inner 2"]);
});

test("steps can be taken all at once, for what they come to", () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  takeAll(work("a", 3, clock, ran, "turn"));
  deepEqual(ran, ["a1", "a2", "a3"]);
  equal(
    takeAll(
      (function* (): Steps<number> {
        yield "more";
        return 7;
      })(),
    ),
    7,
  );
});

test("a step is as long as its units, or one piece of work that is longer", () => {
  const length = new StepLength(10);
  deepEqual(
    [4, 4, 4, 4, 5, 5, 30, 9].map((units) => length.add(units)),
    [false, false, true, false, false, true, true, false],
  );
});
