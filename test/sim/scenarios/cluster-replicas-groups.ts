import type { ClusterSim } from "../harness/cluster-sim.ts";
import { move } from "../harness/moves.ts";
import { loseControllers, troubleWithReplicas } from "../harness/replica-troubles.ts";
import type { ClusterScenario } from "../scenario.ts";
import { groupsInTrouble } from "./cluster-groups.ts";

const REPLICAS = 3;
const MOVE_RATIO = 0.15;
const LOSE_RATIO = 0.25;

/**
 * Groups, and what they read, are on three brokers: a coordinator that dies, is cut off or gives its groups to others is followed by one that has every
 * commit that was acknowledged, and nobody's commit goes back.
 */
export const scenario: ClusterScenario = {
  name: "cluster-replicas-groups",
  async runCluster(sim) {
    await groupsInTrouble(sim, REPLICAS, troubleWithGroups);
  },
};

export function troubleWithGroups(sim: ClusterSim): void {
  const { random } = sim;
  if (random.chance(MOVE_RATIO)) move(sim, true);
  else if (random.chance(LOSE_RATIO)) loseControllers(sim, random.pick(sim.machines));
  else troubleWithReplicas(sim);
}
