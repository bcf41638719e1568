import type { Sim } from "./harness/sim.ts";

/** One idea of what can go wrong. Ends with `sim.finish()`, or with checks of its own. */
export type Scenario = Readonly<{
  /** As its file is called. */
  name: string;
  run(sim: Sim): Promise<void>;
}>;
