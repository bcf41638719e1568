import type { ClusterSim } from "../harness/cluster-sim.ts";
import { move } from "../harness/moves.ts";
import { troubleWithReplicas } from "../harness/replica-troubles.ts";
import type { ClusterScenario } from "../scenario.ts";

const MOVE_RATIO = 0.5;
/** Of moves: sessions with controllers end while new replicas wait to be told the object index. */
const UNTOLD_RATIO = 0.3;
const UNTOLD_MS = [0, 60] as const;

/**
 * Replicas move between brokers, to and fro and before the last move is complete, while everything that goes wrong in a cluster does: who
 * becomes a replica is told the object index, and what was acknowledged moves with the partition.
 */
export const scenario: ClusterScenario = {
  name: "cluster-moves",
  async runCluster(sim) {
    await sim.begin();
    const replicas = sim.random.between(1, 3);
    sim.leadersMayLag = true;
    await sim.load.begin({ topics: 2, partitions: 3, replicas, producers: 2, plainProducers: 1, bytes: [12, 800], pauseMs: [0, 150] });
    for (let rounds = sim.random.between(4, 20); rounds > 0; rounds -= 1) {
      await sim.rest(100, 3_000);
      if (sim.random.chance(MOVE_RATIO)) moveUntold(sim);
      else troubleWithReplicas(sim);
    }
    await sim.rest(0, 3_000);
    await sim.finish();
  },
};

function moveUntold(sim: ClusterSim): void {
  const { random, control, world } = sim;
  move(sim, false);
  if (!random.chance(UNTOLD_RATIO)) return;
  const cut = (): void => [...control.peers.links].forEach((link) => random.chance(0.5) && link.reset());
  for (let times = random.between(1, 5); times > 0; times -= 1) world.after(random.withinMs(UNTOLD_MS), cut);
}
