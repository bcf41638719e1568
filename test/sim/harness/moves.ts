import { QueueError } from "@tidemq/server/base/errors.ts";
import { isInternalTopic, type PartitionState } from "@tidemq/server/cluster/cluster-state.ts";
import type { ClusterSim } from "./cluster-sim.ts";

/** Their numbers. */
const BROKERS = [1, 2, 3];

/** So soon after a move another one comes: its new replicas may just be asked for as members. */
const AGAIN_MS = [1, 200] as const;
const AGAIN_RATIO = 0.5;
/** Of moves: away from a replica and back at once, which the log may have in one batch. */
const AWAY_AND_BACK_RATIO = 0.3;
/** Of a partition, within so long. */
const LEADERS_MAX = 4;
const ELECTIONS_MS = [0, 1_000] as const;

/** Some partitions of clients, or of our own, go to brokers by chance, or stay where they are in the middle of a move. Nobody waits for it. */
export function move(sim: ClusterSim, isInternal: boolean): void {
  const { random } = sim;
  for (let count = random.between(1, 3); count > 0; count -= 1) {
    const partition = pick(sim, isInternal);
    if (partition === undefined) return;
    if (random.chance(AWAY_AND_BACK_RATIO)) awayAndBack(sim, partition);
    else reassign(sim, partition);
    if (random.chance(AGAIN_RATIO)) sim.world.after(random.withinMs(AGAIN_MS), () => reassign(sim, partition));
  }
}

function reassign(sim: ClusterSim, { id, topic, index, replicas }: PartitionState): void {
  const { random, brokers } = sim;
  if (brokers.length === 0) return;
  const target = random.chance(0.1) ? undefined : replicasByChance(sim);
  sim.note(`move ${topic}-${index} from ${replicas.join()} to ${target?.join() ?? "where it was"}`);
  ask(sim, random.pick(brokers).controller.reassign(id, target));
}

/** Its last replica, which may just have caught up, leaves and is one again. */
function awayAndBack(sim: ClusterSim, { id, topic, index, replicas }: PartitionState): void {
  const { random, brokers } = sim;
  if (brokers.length === 0 || replicas.length === 1) return;
  const { controller } = random.pick(brokers);
  sim.note(`move ${topic}-${index} from ${replicas.join()} away from its last, and back`);
  ask(sim, controller.reassign(id, replicas.slice(0, -1)));
  ask(sim, controller.reassign(id, replicas));
}

/** The first replica of a partition is to lead it again, though it may have come back just now. */
export function electPreferred(sim: ClusterSim): void {
  const partition = pick(sim, sim.random.chance(0.5));
  if (partition !== undefined) ask(sim, sim.random.pick(sim.brokers).controller.electPreferred(partition.id));
}

/** Leaders change to and fro: each partition gets some, one after the other, out of its in-sync set. */
export function changeLeaders(sim: ClusterSim): void {
  const { random, brokers, world } = sim;
  if (brokers.length === 0) return;
  for (const id of random.pick(brokers).controller.state.partitions.keys())
    for (let changes = random.between(0, LEADERS_MAX); changes > 0; changes -= 1)
      world.after(random.withinMs(ELECTIONS_MS), () => elect(sim, id));
}

function elect(sim: ClusterSim, id: number): void {
  const { random, brokers } = sim;
  if (brokers.length === 0) return;
  const { controller } = random.pick(brokers);
  const partition = controller.state.partitions.get(id);
  if (partition === undefined || partition.inSync.length < 2) return;
  ask(sim, controller.electLeader(id, partition.leaderEpoch, random.pick(partition.inSync)));
}

/** Members that a topic's in-sync sets are to have at least. */
export function changeMinimum(sim: ClusterSim): void {
  const partition = pick(sim, false);
  if (partition !== undefined) setMinimum(sim, partition.topic);
}

/** Of every topic. */
export function changeMinimums(sim: ClusterSim): void {
  for (const topic of new Set(sim.load.targets.map((target) => target.topic))) setMinimum(sim, topic);
}

function setMinimum(sim: ClusterSim, topic: string): void {
  const { random, brokers } = sim;
  if (brokers.length === 0) return;
  const value = String(random.between(1, BROKERS.length));
  sim.note(`min.insync.replicas of ${topic} becomes ${value}`);
  const operations = [{ name: "min.insync.replicas", operation: "set" as const, value }];
  ask(sim, random.pick(brokers).controller.alterTopicConfigs(topic, operations, false));
}

function pick({ random, brokers }: ClusterSim, isInternal: boolean): PartitionState | undefined {
  if (brokers.length === 0) return undefined;
  const { state } = random.pick(brokers).controller;
  const partitions = [...state.partitions.values()].filter(({ topic }) => isInternalTopic(topic) === isInternal);
  return partitions.length === 0 ? undefined : random.pick(partitions);
}

function ask(sim: ClusterSim, asked: Promise<unknown>): void {
  asked.catch((error: unknown) => {
    if (!(error instanceof QueueError)) sim.failAtOnce("process", `a wish failed: ${error instanceof Error ? error.stack : error}`);
  });
}

function replicasByChance({ random }: ClusterSim): number[] {
  const left = [...BROKERS];
  return Array.from({ length: random.pick([1, 1, 2, 3]) }, () => left.splice(random.between(0, left.length - 1), 1)).flat();
}
