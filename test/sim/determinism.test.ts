import { equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import { runSeed } from "./run-seed.ts";
import { SCENARIOS } from "./scenarios.ts";

for (const scenario of SCENARIOS) {
  test(`${scenario.name}: the same seed twice is the same run`, async () => {
    const first = await runSeed(scenario, 1);
    equal(first.failure?.message, undefined);
    const second = await runSeed(scenario, 1);
    equal(second.digest, first.digest);
    equal(second.events, first.events);
    equal(second.records, first.records);
  });
}

test("another seed is another run", async () => {
  const [scenario] = SCENARIOS;
  if (scenario === undefined) throw new Error("no scenarios");
  notEqual((await runSeed(scenario, 2)).digest, (await runSeed(scenario, 3)).digest);
});
