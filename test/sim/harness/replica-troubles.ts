import { troubleInCluster } from "../scenarios/cluster.ts";
import type { ClusterSim } from "./cluster-sim.ts";
import { changeMinimum, electPreferred } from "./moves.ts";

const YEAR_MS = 365 * 86_400_000;
/** The rest is what goes wrong in every cluster. */
const RATIO = 0.5;

/** One thing that goes wrong where partitions have several replicas, or goes well again. */
export function troubleWithReplicas(sim: ClusterSim): void {
  const { random, control, machines } = sim;
  if (!random.chance(RATIO)) return troubleInCluster(sim);
  const machine = random.pick(machines);
  const { node } = machine;
  const other = random.pick(machines.filter((each) => each !== machine)).node;
  const [here, there] = [node.address.host, other.address.host];
  const others = machines.filter((each) => each !== machine).map((each) => each.node.address.host);
  const jumpMs = (random.float() - 0.5) * random.pick([10_000, 3 * 86_400_000, 20 * YEAR_MS]);
  const troubles = {
    "a broker stops": () => sim.stop(machine),
    "all brokers stop": () => machines.forEach((each) => sim.stop(each)),
    "all brokers lose power": () => machines.forEach((each) => each.node.losePower()),
    "all brokers are killed": () => machines.forEach((each) => each.node.kill()),
    "start all brokers": () => machines.forEach((each) => void (each.node.isUp ? undefined : sim.start(each))),
    "a broker does not reach another": () => control.peers.cut(here, there),
    "two brokers do not reach each other": () => cutBoth(sim, here, there),
    "a broker hears of no other": () => others.forEach((host) => control.peers.cut(host, here)),
    "no broker hears of it": () => others.forEach((host) => control.peers.cut(here, host)),
    "brokers reach each other": () => healBrokers(sim),
    "a broker and the controllers lose each other": () => control.nodes.forEach(({ name }) => cutBoth(sim, name, here)),
    "controllers reach all brokers": () => healControllers(sim),
    "a clock is wrong": () => sim.clocks.jump(node.process, jumpMs),
    "a controller's clock is wrong": () => sim.clocks.jump(random.pick(control.nodes).process, jumpMs),
    "a disk is full": () => {
      node.disk.faults.capacityBytes = node.disk.usedBytes() + random.pick([0, 1_000, 300_000]);
    },
    "all disks have room": () =>
      machines.forEach((each) => Object.assign(each.node.disk.faults, { capacityBytes: Number.POSITIVE_INFINITY })),
    "a write fails": () => Object.assign(node.disk.faults, { writeErrorRatio: 0.05, syncErrorRatio: random.pick([0, 0.05]) }),
    "a preferred leader is asked for": () => electPreferred(sim),
    "another minimum": () => changeMinimum(sim),
  };
  const what = random.pick(Object.keys(troubles) as (keyof typeof troubles)[]);
  sim.note(`${what}: ${here}, ${there}`);
  troubles[what]();
}

function cutBoth({ control: { peers } }: ClusterSim, here: string, there: string): void {
  peers.cut(here, there);
  peers.cut(there, here);
}

function healControllers({ control: { peers, nodes }, machines }: ClusterSim): void {
  for (const { name } of nodes)
    for (const { node } of machines) {
      peers.heal(name, node.address.host);
      peers.heal(node.address.host, name);
    }
}

function healBrokers({ control: { peers }, machines }: ClusterSim): void {
  const hosts = machines.map(({ node }) => node.address.host);
  for (const from of hosts) for (const to of hosts) peers.heal(from, to);
}
