import { QueueError } from "@tidemq/server/base/errors.ts";
import { isInternalTopic } from "@tidemq/server/cluster/cluster-state.ts";
import type { ClusterSim } from "../harness/cluster-sim.ts";
import type { ClusterScenario } from "../scenario.ts";
import { troubleInCluster } from "./cluster.ts";

const BROKERS = [1, 2, 3];
const MOVE_RATIO = 0.5;

/**
 * Replicas move between brokers, to and fro and before the last move is complete, while everything that goes wrong in a cluster does: who
 * becomes a replica is told the object index, and what was acknowledged moves with the partition.
 */
export const scenario: ClusterScenario = {
  name: "cluster-moves",
  async runCluster(sim) {
    sim.control.replicationFactorMax = BROKERS.length;
    await sim.begin();
    const replicas = sim.random.between(1, 2);
    sim.leadersMayLag = true;
    await sim.load.begin({ topics: 2, partitions: 3, replicas, producers: 2, plainProducers: 1, bytes: [12, 800], pauseMs: [0, 150] });
    for (let rounds = sim.random.between(4, 20); rounds > 0; rounds -= 1) {
      await sim.rest(100, 3_000);
      if (sim.random.chance(MOVE_RATIO)) move(sim);
      else troubleInCluster(sim);
    }
    await sim.rest(0, 3_000);
    await sim.finish();
  },
};

/** Some partitions go to brokers by chance, or stay where they are in the middle of a move. Nobody waits for it. */
function move(sim: ClusterSim): void {
  const { random, brokers } = sim;
  if (brokers.length === 0) return;
  const { controller } = random.pick(brokers);
  const partitions = [...controller.state.partitions.values()].filter(({ topic }) => !isInternalTopic(topic));
  for (let count = random.between(1, 3); count > 0 && partitions.length > 0; count -= 1) {
    const { id, topic, index, replicas } = random.pick(partitions);
    const target = random.chance(0.1) ? undefined : replicasByChance(sim);
    sim.note(`move ${topic}-${index} from ${replicas.join()} to ${target?.join() ?? "where it was"}`);
    controller.reassign(id, target).catch((error: unknown) => {
      if (!(error instanceof QueueError)) sim.fail("process", `a move failed: ${error instanceof Error ? error.stack : error}`);
    });
  }
}

function replicasByChance({ random }: ClusterSim): number[] {
  const left = [...BROKERS];
  return Array.from({ length: random.pick([1, 1, 2, 3]) }, () => left.splice(random.between(0, left.length - 1), 1)).flat();
}
