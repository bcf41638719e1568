import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "./command-error.ts";
import { newOffset, parseDuration, parseTopicChoice, resetTarget } from "./reset-target.ts";

const PLACE = { first: 10, end: 100, committed: 50, atTime: 70 };

test("each flag leads to its place, inside the partition", () => {
  const cases = [
    [{ toEarliest: true }, 10],
    [{ toLatest: true }, 100],
    [{ toCurrent: true }, 50],
    [{ toOffset: 60 }, 60],
    [{ toOffset: 5 }, 10],
    [{ toOffset: 500 }, 100],
    [{ shiftBy: -20 }, 30],
    [{ shiftBy: -200 }, 10],
    [{ shiftBy: 200 }, 100],
    [{ toDatetime: "2026-01-31T12:00:00Z" }, 70],
    [{ byDuration: "1h" }, 70],
  ] as const;
  for (const [flags, expected] of cases) equal(newOffset(resetTarget(flags, 0), PLACE), expected, JSON.stringify(flags));
});

test("where nothing is committed, and where no record is that young", () => {
  const place = { ...PLACE, committed: undefined, atTime: undefined };
  equal(newOffset({ to: "current" }, place), 100);
  equal(newOffset({ to: "shift", by: 1 }, place), undefined);
  equal(newOffset({ to: "time", timestampMs: 0 }, place), 100);
});

test("exactly one place is to be named", () => {
  for (const flags of [{}, { toEarliest: true, toLatest: true }, { shiftBy: 0, toOffset: 0 }])
    throws(() => resetTarget(flags, 0), UsageError);
  deepEqual(resetTarget({ byDuration: "PT1M" }, 100_000), { to: "time", timestampMs: 40_000 });
});

test("durations", () => {
  equal(parseDuration("90m"), 5_400_000);
  equal(parseDuration("1d12h"), 129_600_000);
  equal(parseDuration("PT1H30M"), 5_400_000);
  equal(parseDuration("P1DT0.5S"), 86_400_500);
  equal(parseDuration("250ms"), 250);
  equal(parseDuration("1.4ms"), 1, "brokers know whole milliseconds");
  for (const text of ["", "P", "PT", "1", "1y", "-1h", "h"]) throws(() => parseDuration(text), UsageError, text);
});

test("topics with and without partitions", () => {
  deepEqual(parseTopicChoice("a.b-c"), { topic: "a.b-c", partitions: undefined });
  deepEqual(parseTopicChoice("orders:0,2"), { topic: "orders", partitions: [0, 2] });
  deepEqual(parseTopicChoice("@groups:31"), { topic: "@groups", partitions: [31] });
  for (const text of ["", "@", "a@b", ":0", "a:", "a:x", "a:1,", "a b"]) throws(() => parseTopicChoice(text), UsageError, text);
});
