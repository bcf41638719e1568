// Goal: kill -9 at any moment under load, twenty times: every acknowledged record is there once, in order per producer, at its offset.
// Method: the real process, killed and started again under five idempotent producers that never stop (crash-rounds.ts).
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { crashRounds } from "./crash-rounds.ts";

const ROUNDS = 20;
const LOAD_MS_MAX = 400;

test(`${ROUNDS} × kill -9`, async (t) => {
  const { acknowledged, inFlightAtKills, startMsMax, seconds } = await crashRounds({ rounds: ROUNDS, loadMsMax: LOAD_MS_MAX });
  const slowest = `slowest start ${startMsMax.toFixed(0)} ms`;
  t.diagnostic(`${acknowledged} records acknowledged, ${inFlightAtKills} on the way at kills, ${slowest}, ${seconds.toFixed(0)} s`);
  ok(acknowledged > ROUNDS * 10 && inFlightAtKills > ROUNDS, "there was load at the kills");
});
