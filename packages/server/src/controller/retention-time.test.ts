import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { RetentionTime } from "./retention-time.ts";

const YEAR_MS = 365 * 86_400_000;

async function seen(jumps: readonly (readonly [atMs: number, byMs: number])[], lookEveryMs: number, untilMs: number): Promise<number[]> {
  const world = new SimWorld(1);
  const { clock } = world.startProcess("p");
  const time = new RetentionTime(clock);
  const startMs = clock.wallMs();
  const apart: number[] = [];
  for (const [atMs, byMs] of jumps) world.after(atMs, () => clock.jumpWall(byMs));
  for (let at = 0; at <= untilMs; at += lookEveryMs) {
    apart.push(Math.round((time.nowMs() - startMs - at) / 1_000));
    await world.settle(new Promise<void>((resolve) => world.after(lookEveryMs, resolve)));
  }
  return apart;
}

test("a leap ahead is believed after an hour, one back at once", async () => {
  const apart = await seen([[100_000, YEAR_MS]], 300_000, 4_200_000);
  deepEqual(apart.slice(0, 13), Array(13).fill(0));
  equal(apart.at(-1), YEAR_MS / 1_000);
  deepEqual(await seen([[100_000, -YEAR_MS]], 300_000, 600_000), [0, -YEAR_MS / 1_000, -YEAR_MS / 1_000]);
});

test("a leap and back within the hour was none, and the next one begins anew", async () => {
  const jumps = [
    [100_000, YEAR_MS],
    [3_000_000, -YEAR_MS],
    [3_500_000, YEAR_MS],
  ] as const;
  const apart = await seen(jumps, 300_000, 6_600_000);
  deepEqual(apart, Array(apart.length).fill(0));
});

test("a second leap ahead has to stand for an hour of its own", async () => {
  const jumps = [
    [100_000, 120_000],
    [3_500_000, YEAR_MS],
  ] as const;
  const apart = await seen(jumps, 300_000, 7_500_000);
  const looks = apart.map((seconds, at) => [at * 300_000, seconds] as const);
  for (const [atMs, seconds] of looks) if (atMs < 3_500_000 + 3_600_000) equal(seconds < 1_000, true, `${seconds} s at ${atMs}`);
  equal(apart.at(-1), YEAR_MS / 1_000 + 120);
});

test("what a clock drifts, and seconds that somebody corrects, count at once", async () => {
  deepEqual(await seen([[100_000, 30_000]], 300_000, 600_000), [0, 30, 30]);
});
