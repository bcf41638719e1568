// Goal: what is acknowledged survives even when every write that was not synced is lost.
// Method: as kill.test.ts, with a file layer that keeps writes in the process until they are synced, so that the kill drops them.
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { crashRounds } from "./crash-rounds.ts";

const ROUNDS = 20;
const LOAD_MS_MAX = 300;

test(`${ROUNDS} × the loss of all writes that were not synced`, async (t) => {
  const environment = { TIDEMQ_TEST_DROP_UNSYNCED: "1" };
  const { acknowledged, inFlightAtKills, startMsMax, seconds } = await crashRounds({ rounds: ROUNDS, loadMsMax: LOAD_MS_MAX, environment });
  const slowest = `slowest start ${startMsMax.toFixed(0)} ms`;
  t.diagnostic(`${acknowledged} records acknowledged, ${inFlightAtKills} on the way at kills, ${slowest}, ${seconds.toFixed(0)} s`);
  ok(acknowledged > ROUNDS * 10 && inFlightAtKills > ROUNDS, "there was load at the kills");
});
