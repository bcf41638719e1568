import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { paced } from "./clock.ts";

test("long work gives the loop back when a turn has had its part of it, and only then", async () => {
  const clock = new ManualClock();
  let turns = 0;
  clock.nextTurn = (run) => {
    turns += 1;
    clock.nowMs += 100;
    run();
  };
  const pause = paced(clock, 4);
  const taken: number[] = [];
  for (const ms of [3, 0.5, 0.5, 1, 1, 1, 9, 1]) {
    clock.nowMs += ms;
    await pause();
    taken.push(turns);
  }
  deepEqual(taken, [0, 0, 1, 1, 1, 1, 2, 2]);
});
