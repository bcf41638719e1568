import type { ClusterScenario } from "../scenario.ts";
import { troubleInCluster } from "./cluster.ts";

/**
 * Every partition is on three brokers, which are killed, stand still, lose power and each other, while controllers and bucket do the same:
 * what was acknowledged by all of the in-sync set is lost by nobody, whoever leads has it, and everything works again afterwards.
 */
export const scenario: ClusterScenario = {
  name: "cluster-replicas",
  async runCluster(sim) {
    sim.control.replicationFactorMax = 3;
    await sim.begin();
    const clients = { producers: 2, plainProducers: 1, leaderProducers: 1, replicaReaders: 1 };
    await sim.load.begin({ topics: 2, partitions: 3, replicas: 3, ...clients, bytes: [12, 800], pauseMs: [0, 150] });
    for (let rounds = sim.random.between(2, 10); rounds > 0; rounds -= 1) {
      await sim.rest(100, 4_000);
      troubleInCluster(sim);
    }
    await sim.rest(0, 3_000);
    await sim.finish();
  },
};
