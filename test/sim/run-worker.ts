import { runSeed, runTwice } from "./run-seed.ts";
import { scenarioNamed } from "./scenarios.ts";

/** One run that the parent wants; the same `twice`. */
export type Job = Readonly<{ scenario: string; seed: number; twice?: boolean }>;

process.on("message", ({ scenario, seed, twice }: Job) => {
  const run = twice === true ? runTwice : runSeed;
  run(scenarioNamed(scenario), seed).then(
    (outcome) => process.send?.(outcome),
    (error: unknown) => {
      throw error;
    },
  );
});
