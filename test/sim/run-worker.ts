import { runSeed } from "./run-seed.ts";
import { scenarioNamed } from "./scenarios.ts";

/** One run that the parent wants. */
export type Job = Readonly<{ scenario: string; seed: number }>;

process.on("message", ({ scenario, seed }: Job) => {
  runSeed(scenarioNamed(scenario), seed).then(
    (outcome) => process.send?.(outcome),
    (error: unknown) => {
      throw error;
    },
  );
});
