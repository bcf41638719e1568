import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { CallTurns } from "./call-turns.ts";

const NEVER = new AbortController().signal;

test("so many at a time, the others in their order", async () => {
  const turns = new CallTurns(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const calls = [0, 1, 2, 3].map((n) =>
    turns.run(NEVER, () => {
      begun.push(n);
      return new Promise<number>((resolve) => ends.push(() => resolve(n)));
    }),
  );
  await Promise.resolve();
  deepEqual(begun, [0, 1]);
  ends[1]?.();
  equal(await calls[1], 1);
  deepEqual(begun, [0, 1, 2]);
  ends[0]?.();
  await calls[0];
  deepEqual(begun, [0, 1, 2, 3]);
  ends[2]?.();
  ends[3]?.();
  deepEqual(await Promise.all(calls), [0, 1, 2, 3]);
});

test("one that fails makes room, and one that waits too long leaves the line", async () => {
  const turns = new CallTurns(1);
  let fail: () => void = () => undefined;
  const first = turns.run(NEVER, () => new Promise<void>((_, reject) => (fail = () => reject(new Error("failed")))));
  const abort = new AbortController();
  const second = turns.run(abort.signal, () => Promise.resolve("second"));
  const third = turns.run(NEVER, () => Promise.resolve("third"));
  abort.abort(new Error("late"));
  await rejects(second, /late/);
  fail();
  await rejects(first, /failed/);
  equal(await third, "third");
  equal(await turns.run(NEVER, () => Promise.resolve("fourth")), "fourth");
});
