// Goal: a leak is called one, and what only looks like one is not.
// Method: series made by hand, as two hours of samples every ten seconds give them.
import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { judge, type Series, slope } from "./flatness.ts";

const EVERY_S = 10;
const SAMPLES = 720;
const HOURS = (SAMPLES * EVERY_S) / 3600;

/** @param at Value by hours since the start and number of the sample. */
function series(at: (hours: number, n: number) => number, riseMin = 1): Series {
  const atS = Array.from({ length: SAMPLES }, (_, n) => (n + 1) * EVERY_S);
  return { name: "made", atS, values: atS.map((s, n) => at(s / 3600, n)), riseMin };
}

/** The same on each run, between −1 and 1. */
const noise = (n: number): number => (Math.imul(n + 1, 2_654_435_761) >>> 0) / 2 ** 31 - 1;

test("a level with noise is flat", () => {
  const { isFlat, median } = judge(series((_, n) => 200 + 15 * noise(n)));
  ok(isFlat);
  ok(Math.abs(median - 200) < 2);
});

test("a leak under the same noise is none: 6 % an hour", () => {
  const { isFlat, risePerHour } = judge(series((hours, n) => 200 + 12 * hours + 15 * noise(n)));
  equal(isFlat, false);
  ok(Math.abs(risePerHour - 12) < 1, `${risePerHour}`);
});

test("a leak that a collector hides for ten minutes at a time is seen", () => {
  equal(judge(series((hours, n) => 200 + 15 * hours + (n % 60) / 2)).isFlat, false);
});

test("one kept socket in two minutes, or one object in five, is seen", () => {
  equal(judge(series((hours) => 60 + Math.floor(hours * 30), 3)).isFlat, false);
  equal(judge(series((hours) => 200 + Math.floor(hours * 12), 10)).isFlat, false);
});

test("warming up is no leak, even when it takes longer than what is left out", () => {
  ok(judge(series((hours) => Math.min(hours / (HOURS * 0.4), 1) * 200)).isFlat);
});

test("the teeth of a saw, peaks, and a fall are flat", () => {
  ok(judge(series((_, n) => 20 + (n % 60) / 6)).isFlat);
  ok(judge(series((_, n) => (n % 5 === 0 ? 900 : 200))).isFlat);
  ok(judge(series((hours) => 200 - 20 * hours)).isFlat);
});

test("one more of a few within the whole run is noise", () => {
  const creeping = series((hours) => 4 + hours / 2, 1);
  ok(judge(creeping).isFlat);
  equal(judge({ ...creeping, riseMin: 0 }).isFlat, false);
});

test("a slope is told whatever a quarter of the points says", () => {
  const times = Array.from({ length: 40 }, (_, n) => n);
  equal(
    slope(
      times,
      times.map((n) => (n % 4 === 1 ? 1e9 * noise(n) : 3 * n + 7)),
    ).toFixed(1),
    "3.0",
  );
});
