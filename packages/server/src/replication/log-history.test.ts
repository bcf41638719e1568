// Goal: two logs part where their records begin to differ. Method: logs made as leaders and followers make them, compared record by record.
import { equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EPOCHS_MAX } from "./limits.ts";
import { commonEnd, type LogHistory } from "./log-history.ts";

/** The leader epoch of each record. */
type Records = readonly number[];

function historyOf(records: Records): LogHistory {
  const epochs = [...new Set(records)];
  return { epochs, starts: epochs.map((epoch) => records.indexOf(epoch)), end: records.length };
}

test("two logs part behind the newest epoch that both have", () => {
  equal(commonEnd(historyOf([1, 1, 2]), historyOf([1, 1, 2, 2])), 3);
  equal(commonEnd(historyOf([1, 1, 3]), historyOf([1, 1, 1, 2, 2])), 2);
  equal(commonEnd(historyOf([1, 1]), historyOf([1, 1])), 2);
});

test("two logs without an epoch in common part where they begin, if that is one offset", () => {
  equal(commonEnd(historyOf([]), historyOf([1])), 0);
  equal(commonEnd(historyOf([3]), historyOf([2])), 0);
  const [newer, older] = [
    { epochs: [3], starts: [5], end: 6 },
    { epochs: [2], starts: [5], end: 9 },
  ];
  equal(commonEnd(newer, older), 5);
  equal(commonEnd({ epochs: [], starts: [], end: 5 }, older), 5);
  equal(commonEnd(historyOf([3]), older), undefined);
  equal(commonEnd(newer, historyOf([])), undefined);
});

test("a list of epochs that is full does not tell where its log begins", () => {
  const many = Array.from({ length: EPOCHS_MAX }, (_, n) => n);
  const full = { epochs: many, starts: many, end: EPOCHS_MAX };
  equal(commonEnd(full, { epochs: [EPOCHS_MAX], starts: [0], end: 1 }), undefined);
});

test("whatever leaders and followers did, both have the same records up to there, and one of them others behind it, or none", () => {
  const step = fc.record({ leader: fc.nat(2), appends: fc.nat(3), copies: fc.array(fc.nat(2), { maxLength: 3 }), part: fc.nat(4) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const logs: number[][] = [[], [], []];
      for (const [epoch, { leader, appends, copies, part }] of steps.entries()) {
        const led = logs[leader] as number[];
        for (let n = 0; n < appends; n += 1) led.push(epoch);
        for (const follower of copies) {
          if (follower === leader) continue;
          const log = logs[follower] as number[];
          const from = commonEnd(historyOf(led), historyOf(log)) as number;
          log.splice(from, log.length, ...led.slice(from, from + part));
        }
      }
      for (const a of logs) for (const b of logs) checkCommon(a, b);
    }),
    { seed: 1, numRuns: 500 },
  );
});

function checkCommon(a: Records, b: Records): void {
  const end = commonEnd(historyOf(a), historyOf(b));
  if (end === undefined) throw new Error("logs that are known from their beginning part somewhere");
  equal(a.slice(0, end).join(), b.slice(0, end).join());
  if (end < a.length && end < b.length) equal(a[end] === b[end], false, `${a.join()} and ${b.join()} part at ${end}`);
}
