import type { ClusterSim } from "../harness/cluster-sim.ts";
import type { ClusterScenario } from "../scenario.ts";
import { groupsInTrouble } from "./cluster-groups.ts";
import { troubleWithGroups } from "./cluster-replicas-groups.ts";

const REPLICAS = 3;
const BUSY_RATIO = 0.3;
const BUSY_MS = [0, 20, 300];

/**
 * Brokers have less of a processor than they need, also while they start: whatever takes more than a turn of the loop comes to its end when others
 * have led, died and come back meanwhile. It counts only where it still holds.
 */
export const scenario: ClusterScenario = {
  name: "cluster-busy",
  async runCluster(sim) {
    await groupsInTrouble(sim, REPLICAS, trouble);
  },
};

function trouble(sim: ClusterSim): void {
  const { random, world } = sim;
  if (!random.chance(BUSY_RATIO)) return troubleWithGroups(sim);
  const { host } = random.pick(sim.machines).node.address;
  const busyMs = random.pick(BUSY_MS);
  sim.note(`a turn of ${host} takes up to ${busyMs} ms`);
  world.busyMs.set(host, busyMs);
}
