// Goal: what is acknowledged survives even when every write that was not synced is lost.
// Method: as kill.test.ts, with a file layer that keeps writes in the process until they are synced, so that the kill drops them.
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { crashRounds, describeCrashes } from "./crash-rounds.ts";

const ROUNDS = 8;
const LOAD_MS_MAX = 200;

test(`${ROUNDS} × the loss of all writes that were not synced`, async (t) => {
  const report = await crashRounds({ rounds: ROUNDS, loadMsMax: LOAD_MS_MAX, environment: { TIDEMQ_TEST_DROP_UNSYNCED: "1" } });
  t.diagnostic(describeCrashes(report));
  ok(report.acknowledged > ROUNDS * 10 && report.inFlightAtKills > ROUNDS, "there was load at the kills");
});
