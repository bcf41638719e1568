import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { LateOpenings } from "./late-openings.ts";

const turn = async (): Promise<void> => {
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
};

test("what is asked for again while it is being opened is opened once more: something may have changed since it was looked at", async () => {
  const opened: number[] = [];
  const finish: (() => void)[] = [];
  const fatal = (error: Error): void => {
    throw error;
  };
  const open = (id: number): Promise<void> => {
    opened.push(id);
    return new Promise((resolve) => finish.push(resolve));
  };
  const clock = new ManualClock();
  const late = new LateOpenings(open, { clock, log: new RecordingLog(), fatal });
  late.add(7);
  late.add(7);
  let isSettled = false;
  void late.settled(1_000, 7).then(() => (isSettled = true));
  finish.shift()?.();
  await turn();
  deepEqual(opened, [7, 7]);
  equal(isSettled, false);
  finish.shift()?.();
  await turn();
  deepEqual(opened, [7, 7]);
  equal(isSettled, true);
});
