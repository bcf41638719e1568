import type { ClusterSim } from "./harness/cluster-sim.ts";
import type { Sim } from "./harness/sim.ts";

/** One idea of what can go wrong with one node, or with a cluster. Ends with `sim.finish()`, or with checks of its own. */
export type Scenario = NodeScenario | ClusterScenario;

type NodeScenario = Readonly<{
  /** As its file is called. */
  name: string;
  run(sim: Sim): Promise<void>;
}>;

export type ClusterScenario = Readonly<{
  /** As its file is called. */
  name: string;
  runCluster(sim: ClusterSim): Promise<void>;
}>;
