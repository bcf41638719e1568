import { equal, match } from "node:assert/strict";
import { test } from "node:test";
import { type LogCall, linearizabilityProblem } from "./linearizable-log.ts";

const append = (answer: "appended" | "unknown", index: number, value: string, invokedAt: number, answeredAt: number): LogCall => ({
  kind: "append",
  index,
  value,
  answer,
  invokedAt,
  answeredAt,
});
const appended = append.bind(undefined, "appended");
const unknown = append.bind(undefined, "unknown");
const conflict = (index: number, value: string, endIndex: number, invokedAt: number, answeredAt: number): LogCall => ({
  kind: "append",
  index,
  value,
  answer: "conflict",
  endIndex,
  invokedAt,
  answeredAt,
});
const end = (endIndex: number, invokedAt: number, answeredAt: number): LogCall => ({ kind: "end", endIndex, invokedAt, answeredAt });

const problem = (log: string[], ...calls: LogCall[]): string => linearizabilityProblem(log, calls) ?? "none";

test("overlapping calls may take either order", () => {
  equal(problem(["a", "b"], appended(1, "a", 1, 5), appended(2, "b", 2, 4), end(1, 0, 3), end(3, 6, 7)), "none");
  equal(problem(["a"], unknown(1, "a", 1, 2), end(1, 3, 4), end(2, 5, 6)), "none", "an unknown append may land later");
  equal(problem(["a"], unknown(1, "a", 1, 2), conflict(1, "a", 2, 3, 4)), "none", "its retry is refused by itself");
  equal(problem([], unknown(1, "a", 1, 2), end(1, 3, 4)), "none", "or never");
});

test("a stale read is found", () => {
  match(problem(["a"], appended(1, "a", 1, 2), end(1, 3, 4)), /seen at 2, but cannot/);
  match(problem(["a", "b"], appended(1, "a", 1, 2), appended(2, "b", 3, 4), end(2, 5, 6)), /seen/);
});

test("an end that went back is found, also when only reads saw it", () => {
  match(problem(["a"], unknown(1, "a", 1, 2), end(2, 3, 4), end(1, 5, 6)), /seen/);
});

test("losses, overwrites and inventions are found", () => {
  match(problem([], appended(1, "a", 1, 2)), /acknowledged and is not there/);
  match(problem(["b"], appended(1, "a", 1, 2), appended(1, "b", 3, 4)), /acknowledged and is not there/);
  match(problem(["a"], end(1, 1, 2)), /never appended/);
  match(problem(["a"], conflict(1, "a", 1, 1, 2)), /refused and is there/);
  match(
    problem(["a"], appended(1, "a", 1, 2), { kind: "read", entries: [{ index: 1, value: "b" }], invokedAt: 3, answeredAt: 4 }),
    /read as b/,
  );
});

test("an entry seen before anybody asked for it is found", () => {
  match(problem(["a"], { kind: "read", entries: [{ index: 1, value: "a" }], invokedAt: 1, answeredAt: 2 }, appended(1, "a", 3, 4)), /seen/);
});
