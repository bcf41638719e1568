import { equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import { runSeed, runTwice } from "./run-seed.ts";
import { SCENARIOS } from "./scenarios.ts";

/** `npm run sim` runs seeds of all of them twice. */
const TWICE_EACH = 4;

for (const [at, scenario] of SCENARIOS.entries()) {
  const isTwice = at % TWICE_EACH === 0;
  test(`${scenario.name}: ${isTwice ? "the same seed twice is the same run" : "a seed"}`, async () => {
    const { failure } = await (isTwice ? runTwice : runSeed)(scenario, 1);
    equal(failure?.message, undefined);
  });
}

test("another seed is another run", async () => {
  const [scenario] = SCENARIOS;
  if (scenario === undefined) throw new Error("no scenarios");
  notEqual((await runSeed(scenario, 2)).digest, (await runSeed(scenario, 3)).digest);
});
