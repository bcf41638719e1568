import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { MarkWaiters } from "./mark-waiters.ts";

test("waiters are told in order of offsets, once, and not before the mark", () => {
  const told: string[] = [];
  const waiters = new MarkWaiters();
  const wait = (name: string) => ({ reached: (end: number, failure: number) => void told.push(`${name} ${end} ${failure}`) });
  waiters.add(10, wait("a"));
  waiters.add(20, wait("b"));
  waiters.add(10, wait("retry of a"));
  waiters.reach(9, 0);
  deepEqual(told, []);
  waiters.reach(10, 0);
  deepEqual(told, ["a 10 0", "retry of a 10 0"]);
  waiters.failAll(6);
  deepEqual(told.slice(2), ["b 20 6"]);
  equal(waiters.count, 0);
});

test("ten thousand waiters are a queue", () => {
  let sum = 0;
  const waiters = new MarkWaiters();
  const waiter = { reached: (end: number) => void (sum += end) };
  for (let n = 1; n <= 10_000; n++) waiters.add(n, waiter);
  for (let n = 1; n <= 10_000; n += 7) waiters.reach(n, 0);
  waiters.reach(10_000, 0);
  equal(sum, (10_000 * 10_001) / 2);
});
