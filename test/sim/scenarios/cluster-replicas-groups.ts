import { move } from "../harness/moves.ts";
import { troubleWithReplicas } from "../harness/replica-troubles.ts";
import type { ClusterScenario } from "../scenario.ts";
import { groupsInTrouble } from "./cluster-groups.ts";

const REPLICAS = 3;
const MOVE_RATIO = 0.15;

/**
 * Groups, and what they read, are on three brokers: a coordinator that dies, is cut off or gives its groups to others is followed by one that has every
 * commit that was acknowledged, and nobody's commit goes back.
 */
export const scenario: ClusterScenario = {
  name: "cluster-replicas-groups",
  async runCluster(sim) {
    await groupsInTrouble(sim, REPLICAS, () => (sim.random.chance(MOVE_RATIO) ? move(sim, true) : troubleWithReplicas(sim)));
  },
};
