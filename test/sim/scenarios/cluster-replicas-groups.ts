import type { ClusterScenario } from "../scenario.ts";
import { groupsInTrouble } from "./cluster-groups.ts";

const REPLICAS = 3;

/**
 * Groups, and what they read, are on three brokers: a coordinator that dies or is cut off is followed by one that has every commit that was
 * acknowledged, and nobody's commit goes back.
 */
export const scenario: ClusterScenario = {
  name: "cluster-replicas-groups",
  async runCluster(sim) {
    sim.control.replicationFactorMax = REPLICAS;
    await groupsInTrouble(sim, REPLICAS);
  },
};
