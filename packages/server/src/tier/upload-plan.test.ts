import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../base/units.ts";
import { type Candidate, dueReason, paceUnder, planObject } from "./upload-plan.ts";

test("uploads have time until the log is half as full as what makes them due", () => {
  const triggers = { bytes: 128 * MiB, ageMs: 600_000, walUsedRatio: 0.4 };
  equal(paceUnder({ usedRatio: 0, indexFull: false }, triggers), "relaxed");
  equal(paceUnder({ usedRatio: 0.19, indexFull: false }, triggers), "relaxed");
  equal(paceUnder({ usedRatio: 0.2, indexFull: false }, triggers), "urgent");
  equal(paceUnder({ usedRatio: 0, indexFull: true }, triggers), "urgent");
});

test("what keeps a full log of a follower goes at once, the fullest first, with what would soon be due beside it", () => {
  const triggers = { bytes: 128 * MiB, ageMs: 600_000, walUsedRatio: 0.4 };
  const pressure = { usedRatio: 0.1, indexFull: false };
  const young = { pendingBytes: 1_000, ageMs: 1_000, atHole: false, pinnedRatio: 0 };
  const candidates: readonly Candidate[] = [
    { ...young, partitionId: 1 },
    { ...young, partitionId: 2, pinnedRatio: 0.4 },
    { ...young, partitionId: 3, pinnedRatio: 0.9 },
    { ...young, partitionId: 4, ageMs: 400_000 },
    { ...young, partitionId: 5, pinnedRatio: 0.39 },
  ];
  equal(dueReason(candidates, pressure, triggers, false), "follower-used");
  equal(dueReason(candidates, { ...pressure, usedRatio: 0.4 }, triggers, false), "wal-used");
  equal(
    dueReason(
      candidates.filter(({ pinnedRatio }) => pinnedRatio < 0.4),
      pressure,
      triggers,
      false,
    ),
    undefined,
  );
  const ids = (reason: Parameters<typeof planObject>[1], sections: number): readonly number[] =>
    planObject(candidates, reason, triggers, 1 * MiB, sections).map(({ partitionId }) => partitionId);
  deepEqual(ids("follower-used", 10), [3, 2, 4]);
  deepEqual(ids("wal-used", 2), [3, 2], "nor is it behind others when the own log is full");
});
