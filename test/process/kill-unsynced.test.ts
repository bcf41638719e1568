// Goal: `--sync off` trades nothing but a power loss: kill -9 loses nothing that was acknowledged, since the kernel has what was written.
// Method: as kill.test.ts.
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { crashRounds, describeCrashes } from "./crash-rounds.ts";

const ROUNDS = 4;
const LOAD_MS_MAX = 200;

test(`${ROUNDS} × kill -9 with --sync off`, async (t) => {
  const report = await crashRounds({ rounds: ROUNDS, loadMsMax: LOAD_MS_MAX, flags: ["--sync", "off"] });
  t.diagnostic(describeCrashes(report));
  ok(report.acknowledged > ROUNDS * 10 && report.inFlightAtKills > ROUNDS, "there was load at the kills");
});
