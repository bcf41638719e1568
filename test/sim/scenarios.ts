import type { Scenario } from "./scenario.ts";
import { scenario as calm } from "./scenarios/calm.ts";
import { scenario as crashInStart } from "./scenarios/crash-in-start.ts";
import { scenario as kill } from "./scenarios/kill.ts";
import { scenario as powerLoss } from "./scenarios/power-loss.ts";

/** Every scenario. A seed belongs to one of them, unless one is asked for. */
export const SCENARIOS: readonly Scenario[] = [calm, crashInStart, kill, powerLoss];

export function scenarioOf(seed: number): Scenario {
  return SCENARIOS[seed % SCENARIOS.length] as Scenario;
}

/** @throws {RangeError} */
export function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) throw new RangeError(`no scenario ${name}; there are ${SCENARIOS.map((one) => one.name).join(", ")}`);
  return scenario;
}
