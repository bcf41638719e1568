import { isDeepStrictEqual } from "node:util";
import { CheckFailure } from "@tidemq/server/testing/checkers/check-failure.ts";
import { ClusterSim } from "./harness/cluster-sim.ts";
import { Sim } from "./harness/sim.ts";
import type { SimRun } from "./harness/sim-run.ts";
import type { Scenario } from "./scenario.ts";

/** A run that takes longer, in virtual time, has failed. */
const VIRTUAL_MS_MAX = 3_600_000;

export type Outcome = Readonly<{
  scenario: string;
  seed: number;
  /** Of everything that happened. */
  digest: string;
  virtualMs: number;
  events: number;
  records: number;
  failure: Readonly<{ checker: string; message: string }> | undefined;
}>;

/** One scenario under one seed. @param print Where its trace goes. */
export async function runSeed(scenario: Scenario, seed: number, print?: (line: string) => void): Promise<Outcome> {
  const { sim, run } = prepared(scenario, seed, print);
  const failure = await unheard(() => sim.world.settle(run(), VIRTUAL_MS_MAX));
  const { world, history } = sim;
  const { trace, nowMs: virtualMs, eventsRun: events } = world;
  return { scenario: scenario.name, seed, digest: trace.digest, virtualMs, events, records: history.counts.sent, failure };
}

/** The same again is to be the same in everything. */
export async function runTwice(scenario: Scenario, seed: number): Promise<Outcome> {
  const first = await runSeed(scenario, seed);
  if (first.failure !== undefined) return first;
  const second = await runSeed(scenario, seed);
  if (isDeepStrictEqual(second, first)) return first;
  const failure = { checker: "determinism", message: `the same seed again was another run: ${JSON.stringify([first, second])}` };
  return { ...first, failure };
}

/** Why a run failed: what it throws, or a rejection that nobody hears, even when it comes only as the run is over. */
async function unheard(run: () => Promise<void>): Promise<Outcome["failure"]> {
  let failure: Outcome["failure"];
  const rejected = (error: unknown): void => {
    failure ??= failureOf(error);
  };
  process.on("unhandledRejection", rejected);
  try {
    await run();
  } catch (error) {
    rejected(error);
  }
  await new Promise(setImmediate);
  process.off("unhandledRejection", rejected);
  return failure;
}

function prepared(scenario: Scenario, seed: number, print?: (line: string) => void): Readonly<{ sim: SimRun; run: () => Promise<void> }> {
  if ("run" in scenario) {
    const sim = new Sim(seed, scenario.name, print);
    return { sim, run: () => scenario.run(sim) };
  }
  const sim = new ClusterSim(seed, scenario.name, print);
  return { sim, run: () => scenario.runCluster(sim) };
}

function failureOf(error: unknown): NonNullable<Outcome["failure"]> {
  if (error instanceof CheckFailure) return { checker: error.checker, message: error.message };
  if (error instanceof Error) return { checker: error.name, message: error.stack ?? error.message };
  return { checker: "unknown", message: String(error) };
}
