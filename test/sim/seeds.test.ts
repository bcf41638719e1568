import { equal } from "node:assert/strict";
import { test } from "node:test";
import { runSeed } from "./run-seed.ts";
import { scenarioNamed } from "./scenarios.ts";
import seeds from "./seeds.json" with { type: "json" };

type Story = Readonly<{ scenario: string; seed: number; story: string }>;

/** Seeds that found something once. One seed of each scenario runs in `determinism.test.ts`, `npm run sim` runs as many as there is time for. */
for (const { scenario, seed, story } of seeds as Story[]) {
  test(`${scenario}, seed ${seed}: ${story}`, async () => {
    const { failure } = await runSeed(scenarioNamed(scenario), seed);
    equal(failure?.message, undefined);
  });
}
