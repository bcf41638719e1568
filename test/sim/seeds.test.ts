import { equal } from "node:assert/strict";
import { test } from "node:test";
import { runSeed } from "./run-seed.ts";
import { SCENARIOS, scenarioNamed } from "./scenarios.ts";
import seeds from "./seeds.json" with { type: "json" };

/** Of each scenario, at every test; `npm run sim` runs as many as there is time for. */
const SEED = 11;

type Story = Readonly<{ scenario: string; seed: number; story: string }>;

for (const scenario of SCENARIOS) {
  test(`${scenario.name}, seed ${SEED}`, async () => {
    const { failure } = await runSeed(scenario, SEED);
    equal(failure?.message, undefined);
  });
}

for (const { scenario, seed, story } of seeds as Story[]) {
  test(`${scenario}, seed ${seed}: ${story}`, async () => {
    const { failure } = await runSeed(scenarioNamed(scenario), seed);
    equal(failure?.message, undefined);
  });
}
