import type { Scenario } from "./scenario.ts";
import { scenario as calm } from "./scenarios/calm.ts";
import { scenario as crashInStart } from "./scenarios/crash-in-start.ts";
import { scenario as kill } from "./scenarios/kill.ts";
import { scenario as powerLoss } from "./scenarios/power-loss.ts";

/** Every scenario, in the order in which seeds run over them. */
export const SCENARIOS: readonly Scenario[] = [calm, crashInStart, kill, powerLoss];
