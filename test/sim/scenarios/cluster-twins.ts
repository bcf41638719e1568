import type { ClusterScenario } from "../scenario.ts";

/** Somebody starts a second process by the name of a broker that lives: it is refused and ends, and the first one goes on as if nothing had been. */
export const scenario: ClusterScenario = {
  name: "cluster-twins",
  async runCluster(sim) {
    await sim.begin();
    await sim.load.begin({ topics: 1, partitions: 3, producers: 1, plainProducers: 1, bytes: [12, 800], pauseMs: [0, 150] });
    for (let rounds = sim.random.between(1, 3); rounds > 0; rounds -= 1) {
      await sim.rest(100, 3_000);
      await sim.startTwin(sim.random.pick(sim.machines));
    }
    await sim.rest(0, 1_000);
    await sim.finish({ restart: "none" });
  },
};
