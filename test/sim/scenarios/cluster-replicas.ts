import { troubleFromTheBeginning, troubleWithReplicas } from "../harness/replica-troubles.ts";
import type { ClusterScenario } from "../scenario.ts";

const REPLICAS = 3;

/**
 * Every partition is on three brokers, which are killed and stopped, stand still, lose power, room, time and each other, one or all at once, while
 * controllers and bucket do the same and topics come and go: what was acknowledged by all of the in-sync set is lost by nobody, whoever leads has it,
 * and everything works again afterwards.
 */
export const scenario: ClusterScenario = {
  name: "cluster-replicas",
  async runCluster(sim) {
    await sim.begin();
    const clients = { producers: 2, plainProducers: 1, leaderProducers: 1, replicaReaders: 1 };
    await sim.load.begin({ topics: 2, partitions: 3, replicas: REPLICAS, ...clients, bytes: [12, 800], pauseMs: [0, 150] });
    troubleFromTheBeginning(sim);
    const topics = sim.random.chance(0.5) ? sim.churn(REPLICAS) : undefined;
    for (let rounds = sim.random.between(2, 12); rounds > 0; rounds -= 1) {
      await sim.rest(100, 4_000);
      troubleWithReplicas(sim);
    }
    await sim.rest(0, 3_000);
    topics?.stop();
    await sim.finish();
  },
};
