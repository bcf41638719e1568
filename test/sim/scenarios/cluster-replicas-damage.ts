import { type GroupInFile, groupsIn } from "@tidemq/server/testing/checkers/wal-group-at.ts";
import { ENTRY_BYTES } from "@tidemq/server/wal/group-codec.ts";
import type { ClusterSim, Machine } from "../harness/cluster-sim.ts";
import type { ClusterScenario } from "../scenario.ts";
import { troubleInCluster } from "./cluster.ts";

/** While it runs, groups are damaged whose loss cannot be taken for the end of a write that was under way. */
const NEWEST_SPARED = 4;
/** Those that were written last. */
const NEWEST = 2;
const OLDER = 20;

type StoredGroup = Readonly<{ path: string; group: GroupInFile }>;

/**
 * Bits flip in the log of one broker, while it runs or before it starts, first of all or not: it leads nothing that it lost something of, gets
 * that from the others, of whom one at least has everything at any moment, and nothing that was acknowledged is lost or given up. What groups
 * have committed, where there are some, is damaged as records are.
 */
export const scenario: ClusterScenario = {
  name: "cluster-replicas-damage",
  async runCluster(sim) {
    sim.damageAllowed = true;
    await sim.begin();
    const hasGroups = sim.random.chance(0.5);
    const plainProducers = hasGroups ? 0 : 1;
    await sim.load.begin({ topics: 2, partitions: 3, replicas: 3, producers: 2, plainProducers, bytes: [12, 800], pauseMs: [0, 150] });
    if (hasGroups) sim.load.addGroup("group", sim.random.between(1, 3));
    const victim = sim.random.pick(sim.machines);
    for (let rounds = sim.random.between(1, 8); rounds > 0; rounds -= 1) {
      await sim.rest(100, 5_000);
      if (sim.random.chance(0.3)) troubleInCluster(sim);
      // What is not uploaded is soon in files only.
      else sim.control.bucket.faults.outage = sim.random.pick(["none", "fails"] as const);
      flipInLog(sim, victim);
      await sim.rest(0, 2_000);
      if (sim.random.chance(0.3)) await startedFirst(sim, victim);
      else if (sim.random.chance(0.5)) victim.node.kill();
      if (sim.random.chance(0.5)) for (const machine of sim.machines) if (!machine.node.isUp) void sim.start(machine);
    }
    await sim.finish();
  },
};

/** Everybody is killed, and comes back after the victim, whose last moments may be damaged, too. */
async function startedFirst(sim: ClusterSim, victim: Machine): Promise<void> {
  for (const { node } of sim.machines) node.kill();
  // What nobody else has in sync is lost then.
  if (sim.random.chance(0.5) && isNowhereAlone(sim, victim)) flip(sim, victim, groupsOf(victim).filter(hasBatches).slice(-NEWEST));
  await sim.rest(0, 5_000);
  void sim.start(victim);
  await sim.rest(0, 3_000);
  for (const machine of sim.machines) if (machine !== victim && !machine.node.isUp) void sim.start(machine);
}

function isNowhereAlone({ newestState }: ClusterSim, { node }: Machine): boolean {
  const states = [...(newestState?.partitions.values() ?? [])];
  return states.every(({ inSync }) => inSync.length > 1 || !inSync.includes(node.id));
}

/** Anywhere in some group, not in one of the newest; also while a start is reading. */
function flipInLog(sim: ClusterSim, victim: Machine): void {
  flip(sim, victim, groupsOf(victim).slice(0, -NEWEST_SPARED).filter(hasBatches).slice(-OLDER));
}

function flip(sim: ClusterSim, { node }: Machine, groups: readonly StoredGroup[]): void {
  if (groups.length === 0) return;
  const { path, group } = sim.random.pick(groups);
  const header = { position: group.position, bytes: 60 };
  const directory = { position: group.directoryAt, bytes: group.header.entryCount * ENTRY_BYTES };
  const { position, bytes } = sim.random.pick([...group.batches, header, directory]);
  const at = sim.random.between(position, position + bytes - 1);
  sim.note(`a bit flips in group ${group.header.number} of ${node.address.host}, ${path} at ${at}`);
  node.disk.flipBits(path, at, at + 1);
}

/** The oldest first. */
function groupsOf({ node: { disk } }: Machine): StoredGroup[] {
  const paths = disk.names.list("wal").map((name) => `wal/${name}`);
  const groups = paths.flatMap((path) => groupsIn(disk.contents(path)).map((group) => ({ path, group })));
  return groups.sort((a, b) => a.group.header.number - b.group.header.number);
}

function hasBatches({ group }: StoredGroup): boolean {
  return group.batches.length > 0;
}
