import type { ClusterScenario } from "../scenario.ts";
import { troubleInCluster } from "./cluster.ts";

/**
 * Groups, and what they read, are on three brokers: a coordinator that dies or is cut off is followed by one that has every commit that was
 * acknowledged, and nobody's commit goes back.
 */
export const scenario: ClusterScenario = {
  name: "cluster-replicas-groups",
  async runCluster(sim) {
    sim.control.replicationFactorMax = 3;
    await sim.begin();
    await sim.load.begin({ replicas: 3, producers: 2, plainProducers: 0, tailers: 0, scanners: 0, bytes: [12, 800], pauseMs: [0, 150] });
    for (let groups = sim.random.between(1, 2); groups > 0; groups -= 1) sim.load.addGroup(`group-${groups}`, sim.random.between(1, 4));
    const topics = sim.churn();
    for (let rounds = sim.random.between(2, 8); rounds > 0; rounds -= 1) {
      await sim.rest(200, 6_000);
      troubleInCluster(sim);
    }
    await sim.rest(0, 3_000);
    topics.stop();
    await sim.finish();
  },
};
