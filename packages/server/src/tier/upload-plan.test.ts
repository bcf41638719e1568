import { equal } from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../base/units.ts";
import { paceUnder } from "./upload-plan.ts";

test("uploads have time until the log is half as full as what makes them due", () => {
  const triggers = { bytes: 128 * MiB, ageMs: 600_000, walUsedRatio: 0.4 };
  equal(paceUnder({ usedRatio: 0, indexFull: false }, triggers), "relaxed");
  equal(paceUnder({ usedRatio: 0.19, indexFull: false }, triggers), "relaxed");
  equal(paceUnder({ usedRatio: 0.2, indexFull: false }, triggers), "urgent");
  equal(paceUnder({ usedRatio: 0, indexFull: true }, triggers), "urgent");
});
