import type { ClusterSim } from "../harness/cluster-sim.ts";
import type { ClusterScenario } from "../scenario.ts";

/**
 * Brokers and controllers are killed, stand still beyond every lease, lose power and each other, one way or both, while the bucket is slow, away or
 * answers late: nothing acknowledged is lost, there is one history of commands, and everything works again afterwards.
 */
export const scenario: ClusterScenario = {
  name: "cluster",
  async runCluster(sim) {
    await sim.begin();
    await sim.load.begin({ topics: 2, partitions: 3, producers: 2, plainProducers: 1, bytes: [12, 800], pauseMs: [0, 150] });
    for (let rounds = sim.random.between(2, 10); rounds > 0; rounds -= 1) {
      await sim.rest(100, 4_000);
      troubleInCluster(sim);
    }
    await sim.rest(0, 3_000);
    await sim.finish();
  },
};

/** One thing that goes wrong in a cluster, or goes well again. */
export function troubleInCluster(sim: ClusterSim): void {
  const { random, control, machines, network } = sim;
  const machine = random.pick(machines);
  const { node } = machine;
  const controller = random.pick(control.nodes);
  const ways = [
    [controller.name, node.address.host],
    [node.address.host, controller.name],
  ] as const;
  const again = (): void => void sim.start(machine);
  const troubles = {
    "kill a broker": () => node.kill(),
    "a broker loses power": () => node.losePower(),
    "start a broker": () => (node.isUp ? undefined : again()),
    "start all brokers": () => machines.forEach((each) => void (each.node.isUp ? undefined : sim.start(each))),
    "a broker stands still": () => node.process?.pause(random.between(100, 8_000)),
    "kill a controller": () => controller.kill(),
    "start a controller": () => (controller.process === undefined ? controller.start() : undefined),
    "a controller stands still": () => controller.process?.pause(random.between(100, 8_000)),
    "a controller is cut off from the bucket": () => Object.assign(controller, { isCut: !controller.isCut }),
    "cut one way": () => control.peers.cut(...random.pick(ways)),
    "cut both ways": () => ways.forEach((way) => control.peers.cut(...way)),
    "heal the cuts": () => ways.forEach((way) => control.peers.heal(...way)),
    "reset sessions": () => [...control.peers.links].forEach((link) => random.chance(0.5) && link.reset()),
    "sessions fall silent": () => [...control.peers.links].forEach((link) => random.chance(0.5) && link.silence()),
    "reset clients": () => [...network.links].forEach((link) => random.chance(0.5) && link.reset()),
    "slow peers": () => Object.assign(control.peers.faults, { delayMs: [0.1, 200], resetRatio: 0.02, refuseRatio: 0.2 }),
    "the bucket is away": () => Object.assign(control.bucket.faults, { outage: random.pick(["fails", "hangs"] as const) }),
    "the bucket is back": () => Object.assign(control.bucket.faults, { outage: "none" }),
    "answers of the bucket are lost": () =>
      Object.assign(control.bucket.faults, { unknownRatio: 0.2, unknownAfterMs: [50, 3_000], lateMs: [100, 20_000] }),
    "lists of the bucket are stale": () => Object.assign(control.bucket.faults, { listStaleMs: random.between(1_000, 20_000) }),
    "reads of the bucket flip bits": () => {
      sim.readsFlipped = true;
      control.bucket.faults.corruptReadRatio = 0.05;
    },
    "slow disk": () => Object.assign(node.disk.faults, { syncMs: [1, 200] }),
  };
  const what = random.pick(Object.keys(troubles) as (keyof typeof troubles)[]);
  sim.note(`${what}: ${node.address.host}, ${controller.name}`);
  troubles[what]();
}
