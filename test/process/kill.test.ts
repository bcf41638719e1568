// Goal: kill -9 at any moment under load, twenty times: every acknowledged record is there once, in order per producer, at its offset.
// Method: the real process, killed and started again under five idempotent producers that never stop (crash-rounds.ts).
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { crashRounds, describeCrashes } from "./crash-rounds.ts";

const ROUNDS = 20;
const LOAD_MS_MAX = 200;
/** Kafka takes that long to accept again. */
const ACCEPTED_MS_MAX = 12_000;

test(`${ROUNDS} × kill -9`, async (t) => {
  const report = await crashRounds({ rounds: ROUNDS, loadMsMax: LOAD_MS_MAX });
  t.diagnostic(describeCrashes(report));
  const { acknowledged, inFlightAtKills, acceptedMs } = report;
  ok(acknowledged > ROUNDS * 10 && inFlightAtKills > ROUNDS, "there was load at the kills");
  ok((acceptedMs.at(-1) ?? 0) < ACCEPTED_MS_MAX);
});
