import { HEARTBEAT_MS, LEASE_MAX_MS, LEASE_READ_MS, SESSION_MS } from "@tidemq/server/controller/limits.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { allHeard, allReady, whole } from "../harness/cluster-finish.ts";
import type { ClusterSim, Machine } from "../harness/cluster-sim.ts";
import { within } from "../harness/liveness.ts";
import type { ClusterScenario } from "../scenario.ts";

/** What messages, a write of the log and a look at it take. */
const SLACK_MS = 800;
const PAUSE_MS = 6_000;
const AWAY_MS_MAX = 8_000;
const BACK_WITHIN_MS = 12_000;
/** What a record takes to be acknowledged, and to be read, at the most: uploads wait for a controller, the log fills, and producers are slowed down. */
const FLOWS_WITHIN_MS = 5_000;
const REST_MS = 1_000;
const READ_LOOK_MS = 20;
const LOOK_MS = 1;
const BREAK_LOOK_MS = 50;
/** More than there are brokers. */
const TOPIC_PARTITIONS = 4;

/**
 * One process at a time is not heard, and nothing else goes wrong, so that everybody's times can be told: who is silent is fenced after a session and
 * not before, who died is at once, a controller is followed by another, and nobody pays for that.
 */
export const scenario: ClusterScenario = {
  name: "cluster-silence",
  async runCluster(sim) {
    await sim.begin();
    await within(sim, BACK_WITHIN_MS, "every broker is ready", allReady(sim));
    const replicas = sim.random.pick([1, 3]);
    await sim.load.begin({ topics: 1, partitions: 3, replicas, producers: 1, plainProducers: 1, bytes: [12, 800], pauseMs: [0, 150] });
    for (let rounds = sim.random.between(1, 4); rounds > 0; rounds -= 1) {
      await sim.rest(500, 3_000);
      await sim.random.pick(SILENCES)(sim);
      await within(sim, BACK_WITHIN_MS, "every broker is ready again", allReady(sim));
      await within(sim, BACK_WITHIN_MS, "one controller hears everybody", allHeard(sim));
    }
    await sim.finish();
  },
};

const SILENCES = [
  brokerFallsSilent,
  brokerFallsSilent,
  brokerStops,
  controllerDies,
  controllersDie,
  controllerIsCutOff,
  bucketIsAway,
  sessionsFallSilent,
  sessionsBreak,
];

async function brokerFallsSilent(sim: ClusterSim): Promise<void> {
  const machine = sim.random.pick(sim.machines);
  const { node } = machine;
  const how = sim.random.pick(["kill", "power", "pause", "cut"] as const);
  const heal = silence(sim, machine, how);
  const earliestMs = SESSION_MS - HEARTBEAT_MS - SLACK_MS;
  await sim.sleep(earliestMs);
  // Of a process that died its machine says so, to whoever looks.
  check(
    isFenced(sim, node.id) === (how === "kill"),
    "session",
    () => `broker ${node.id} is fenced after ${earliestMs} ms, or died and is not: ${how}`,
  );
  if (how !== "kill") await sim.sleep(SESSION_MS + SLACK_MS - earliestMs);
  check(isFenced(sim, node.id), "session", () => `broker ${node.id} is not fenced though nobody hears it`);
  const { state } = leaderOf(sim);
  for (const { leader, id } of state.partitions.values())
    check(leader !== node.id, "session", () => `partition ${id} is led by broker ${leader}, which is fenced`);
  await topicMeanwhile(sim, node.id);
  heal();
}

/** In order: whoever it sends away finds that another leads already. */
async function brokerStops(sim: ClusterSim): Promise<void> {
  await within(sim, BACK_WITHIN_MS, "every replica is in sync", whole(sim));
  const machine = sim.random.pick(sim.machines);
  const { id, address } = machine.node;
  const { process } = machine.node;
  sim.note(`${address.host} stops`);
  sim.stop(machine);
  for (; process?.alive === true; await sim.sleep(LOOK_MS)) {
    if (sim.network.isListened(address)) continue;
    for (const { leader, inSync, topic } of leaderOf(sim).state.partitions.values())
      check(leader !== id || inSync.length === 1, "hand-over", () => `${topic}: broker ${id} leads, and has sent its clients away`);
  }
}

/** Whoever makes a topic now gets it on brokers that are ready. */
async function topicMeanwhile(sim: ClusterSim, fenced: number): Promise<void> {
  const knows = sim.brokers.find(({ controller }) => controller.state.brokers.get(fenced)?.fenced === true);
  check(knows !== undefined, "session", () => `nobody knows that broker ${fenced} is fenced`);
  const name = `while-${fenced}-is-silent-${sim.world.nowMs}`;
  const request = { name, partitions: TOPIC_PARTITIONS, replicationFactor: 1, assignments: [], configs: [] };
  const [result] = await knows.controller.createTopics([request], false);
  check(result?.error === undefined, "placement", () => `no topic is made while broker ${fenced} is fenced: ${result?.error}`);
  const { state } = knows.controller;
  for (const id of state.topicsByName.get(name)?.partitions ?? [])
    check(
      state.partitions.get(id)?.replicas.includes(fenced) === false,
      "placement",
      () => `partition ${id} is placed onto a fenced broker`,
    );
}

/** What ends it. */
function silence(sim: ClusterSim, { node }: Machine, how: "kill" | "power" | "pause" | "cut"): () => void {
  sim.note(`${node.address.host} falls silent: ${how}`);
  const { peers, nodes } = sim.control;
  const each = (act: (from: string, to: string) => void): void => {
    for (const { name } of nodes) {
      act(name, node.address.host);
      act(node.address.host, name);
    }
  };
  if (how === "kill") node.kill();
  else if (how === "power") node.losePower();
  else if (how === "pause") node.process?.pause(PAUSE_MS);
  else each((from, to) => peers.cut(from, to));
  return () => (how === "cut" ? each((from, to) => peers.heal(from, to)) : undefined);
}

async function controllerDies(sim: ClusterSim): Promise<void> {
  const [dead] = sim.control.leaders;
  sim.note(`${dead?.name} dies`);
  dead?.kill();
  await sim.sleep(LEASE_MAX_MS + SLACK_MS);
  check(sim.control.leaders.length === 1, "lease", () => `${sim.control.leaders.length} controllers lead after the one that died`);
  await sim.sleep(SESSION_MS + SLACK_MS);
  for (const { node } of sim.machines)
    check(!isFenced(sim, node.id), "session", () => `broker ${node.id} is fenced, and only a controller died`);
  dead?.start();
}

/** All of them: nothing of the metadata changes, and records come and are read. */
async function controllersDie(sim: ClusterSim): Promise<void> {
  await within(sim, BACK_WITHIN_MS, "every replica is in sync", whole(sim));
  sim.note("all controllers die");
  for (const controller of sim.control.nodes) controller.kill();
  const untilMs = sim.world.nowMs + sim.random.withinMs([REST_MS, AWAY_MS_MAX]);
  while (sim.world.nowMs < untilMs) {
    await recordsFlow(sim);
    await sim.rest(0, REST_MS);
  }
  for (const controller of sim.control.nodes) controller.start();
}

/** One of each producer to each partition, and what becomes of it. */
async function recordsFlow(sim: ClusterSim): Promise<void> {
  const { history, load, world } = sim;
  const sinceMs = world.nowMs;
  const sent = Promise.all(load.producers.flatMap((producer) => load.targets.map((target) => producer.send(target))));
  await within(sim, FLOWS_WITHIN_MS, "records are acknowledged while no controller answers", sent);
  const records = load.producers.flatMap(({ sender }) =>
    sender.sent.filter(({ sentAtMs, state }) => sentAtMs >= sinceMs && state !== "pending"),
  );
  for (const { state, partition, error } of records) check(state === "acked", "flow", () => `a record is refused: ${partition} ${error}`);
  const areRead = async (): Promise<void> => {
    for (const { partition, offset } of records) while (!history.seen(partition).has(offset)) await sim.sleep(READ_LOOK_MS);
  };
  await within(sim, FLOWS_WITHIN_MS, "records are read while no controller answers", areRead());
}

/** It goes on thinking that it leads, and brokers ask it: what it knows is old. */
async function controllerIsCutOff(sim: ClusterSim): Promise<void> {
  const [cut] = sim.control.leaders;
  if (cut === undefined) return;
  sim.note(`${cut.name} is cut off from the bucket`);
  cut.cut = { ms: [100, 2_000], doneRatio: 0 };
  cut.isCut = true;
  await sim.sleep(LEASE_MAX_MS + SLACK_MS);
  check(
    sim.control.leaders.some((leader) => leader !== cut),
    "lease",
    () => "nobody leads but a controller that is cut off from the log",
  );
  const machine = sim.random.pick(sim.machines);
  for (let restarts = 0; restarts < 3; restarts += 1) {
    machine.node.kill();
    await within(sim, BACK_WITHIN_MS, "a broker starts beside a controller that is cut off", sim.start(machine));
    await sim.rest(100, 1_000);
  }
  cut.isCut = false;
}

/** For everybody: that nobody is heard proves nothing, and whoever is the controller goes on. */
async function bucketIsAway(sim: ClusterSim): Promise<void> {
  const { controllerEpoch } = leaderOf(sim).state;
  sim.note("the bucket is away");
  const { faults } = sim.control.bucket;
  faults.outage = "fails";
  await sim.rest(LEASE_MAX_MS + LEASE_READ_MS + SLACK_MS, AWAY_MS_MAX);
  faults.outage = "none";
  await sim.sleep(LEASE_MAX_MS + SLACK_MS);
  const { controllerEpoch: now } = leaderOf(sim).state;
  check(now === controllerEpoch, "lease", () => "another controller claimed while the log was away for all");
}

/** No packet comes through any more, and nobody is told: both sides have to find out. */
async function sessionsFallSilent(sim: ClusterSim): Promise<void> {
  sim.note("all sessions fall silent");
  for (const link of [...sim.control.peers.links]) link.silence();
  await sim.sleep(SESSION_MS + SLACK_MS);
}

/** Everybody lives, and comes again. */
async function sessionsBreak(sim: ClusterSim): Promise<void> {
  sim.note("all sessions break");
  for (const link of [...sim.control.peers.links]) link.reset();
  for (let passedMs = 0; passedMs < SESSION_MS + SLACK_MS; passedMs += BREAK_LOOK_MS) {
    await sim.sleep(BREAK_LOOK_MS);
    for (const { node } of sim.machines)
      check(!isFenced(sim, node.id), "session", () => `broker ${node.id} is fenced, and only its session broke`);
  }
}

function leaderOf({ control }: ClusterSim) {
  const [leader] = control.leaders;
  check(leader?.controller !== undefined, "lease", () => "nobody is the controller");
  return leader.controller;
}

function isFenced(sim: ClusterSim, broker: number): boolean {
  return leaderOf(sim).state.brokers.get(broker)?.fenced === true;
}
