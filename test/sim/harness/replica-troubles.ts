import { BATCH_HEADER_BYTES, isBatchCrcRight } from "@tidemq/protocol/record-batch.ts";
import { LeaderMessage } from "@tidemq/server/peer-net/proto/broker/replication.ts";
import type { SimPeerFaults } from "@tidemq/server/testing/sim-io/peer-transport.ts";
import { troubleInCluster } from "../scenarios/cluster.ts";
import type { ClusterSim, Machine } from "./cluster-sim.ts";
import { changeLeaders, changeMinimum, changeMinimums, electPreferred } from "./moves.ts";

const YEAR_MS = 365 * 86_400_000;
/** The rest is what goes wrong in every cluster. */
const RATIO = 0.5;
/** Of messages that bring batches; and within their last bytes, all of which are of records. */
const FLIP_RATIO = 0.05;
const FLIPPED_BYTES = 8;
/** Longer than a session: then others lead. */
const REPLACED_MS = [2_500, 4_000] as const;
const LOST_MS = [2_500, 20_000] as const;

/** What some runs have from the beginning. */
export function troubleFromTheBeginning(sim: ClusterSim): void {
  if (sim.random.chance(0.5)) changeMinimums(sim);
  if (sim.random.chance(0.3)) sim.control.peers.faults.damage = flipBatches(sim);
}

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
    "a broker and the controllers lose each other": () => loseControllers(sim, machine),
    "batches change on their way": () => Object.assign(control.peers.faults, { damage: flipBatches(sim) }),
    "a clock is wrong": () => sim.clocks.jump(node.process, jumpMs),
    "a controller's clock is wrong": () => sim.clocks.jump(random.pick(control.nodes).process, jumpMs),
    "a disk is full": () => {
      node.disk.faults.capacityBytes = node.disk.usedBytes() + random.pick([0, 1_000, 300_000]);
    },
    "all disks have room": () =>
      machines.forEach((each) => Object.assign(each.node.disk.faults, { capacityBytes: Number.POSITIVE_INFINITY })),
    "a write fails": () => Object.assign(node.disk.faults, { writeErrorRatio: 0.05, syncErrorRatio: random.pick([0, 0.05]) }),
    "a preferred leader is asked for": () => electPreferred(sim),
    "leaders change": () => changeLeaders(sim),
    "all disks are slow": () => machines.forEach((each) => Object.assign(each.node.disk.faults, { syncMs: [1, 200] })),
    "another minimum": () => changeMinimum(sim),
  };
  const what = random.pick(Object.keys(troubles) as (keyof typeof troubles)[]);
  sim.note(`${what}: ${here}, ${there}`);
  troubles[what]();
}

/** It is replaced and does not know it, though clients reach it, until the cuts heal; some of them look meanwhile who leads now. */
export function loseControllers(sim: ClusterSim, { node }: Machine): void {
  const { control, random, world, network } = sim;
  const { host } = node.address;
  sim.note(`${host} and the controllers lose each other`);
  world.after(random.withinMs(REPLACED_MS), () => [...network.links].forEach((link) => random.chance(0.5) && link.reset()));
  for (const { name } of control.nodes) cutBoth(sim, name, host);
  world.after(random.withinMs(LOST_MS), () => {
    for (const { name } of control.nodes) for (const [from, to] of bothWays(name, host)) control.peers.heal(from, to);
  });
}

/** One bit of the last batch of a message of a leader: it lies under the batch's checksum. */
function flipBatches({ random }: ClusterSim): SimPeerFaults["damage"] {
  const chance = random.fork("flips");
  return (from, to, bytes) => {
    if (!isBroker(from) || !isBroker(to) || !chance.chance(FLIP_RATIO) || !bringsBatches(bytes)) return;
    const at = bytes.byteLength - chance.between(1, FLIPPED_BYTES);
    bytes[at] = (bytes[at] as number) ^ (1 << chance.between(0, 7));
  };
}

/** Those who follow say other things, some of which look like it. */
function bringsBatches(bytes: Uint8Array): boolean {
  try {
    const { kind } = LeaderMessage.decode(bytes);
    const payload = kind?.$case === "append" ? kind.value.payload : undefined;
    return payload !== undefined && payload.byteLength > BATCH_HEADER_BYTES && isBatchCrcRight(payload, 0);
  } catch {
    return false;
  }
}

function isBroker(host: string): boolean {
  return host.startsWith("broker-");
}

function bothWays(here: string, there: string): readonly (readonly [string, string])[] {
  return [
    [here, there],
    [there, here],
  ];
}

function cutBoth({ control: { peers } }: ClusterSim, here: string, there: string): void {
  for (const [from, to] of bothWays(here, there)) peers.cut(from, to);
}

function healBrokers({ control: { peers }, machines }: ClusterSim): void {
  const hosts = machines.map(({ node }) => node.address.host);
  for (const from of hosts) for (const to of hosts) peers.heal(from, to);
}
