import type { ClusterSim } from "../harness/cluster-sim.ts";
import { QuietGroups } from "../harness/quiet-groups.ts";
import type { ClusterScenario } from "../scenario.ts";
import { troubleInCluster } from "./cluster.ts";

/**
 * Groups whose coordinators are on different brokers, while topics come and go and brokers and controllers die, stand still and lose each other: no
 * committed offset goes back, nothing is skipped, nobody commits behind a newer generation.
 */
export const scenario: ClusterScenario = { name: "cluster-groups", runCluster: (sim) => groupsInTrouble(sim) };

/** @param replicas Of each topic. @param trouble One more thing that goes wrong. */
export async function groupsInTrouble(sim: ClusterSim, replicas = 1, trouble = troubleInCluster): Promise<void> {
  await sim.begin();
  await sim.load.begin({ replicas, producers: 2, plainProducers: 0, tailers: 0, scanners: 0, bytes: [12, 800], pauseMs: [0, 150] });
  for (let groups = sim.random.between(1, 2); groups > 0; groups -= 1) sim.load.addGroup(`group-${groups}`, sim.random.between(1, 4));
  const topics = sim.churn(replicas);
  const [target] = sim.load.targets;
  const quiet = replicas === 1 || target === undefined ? undefined : new QuietGroups(sim, target);
  void quiet?.run();
  for (let rounds = sim.random.between(2, 8); rounds > 0; rounds -= 1) {
    await sim.rest(200, 6_000);
    trouble(sim);
  }
  await sim.rest(0, 3_000);
  topics.stop();
  quiet?.stop();
  await sim.finish();
}
