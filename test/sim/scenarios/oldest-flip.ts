import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { Damage } from "@tidemq/server/process/broker/damage.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import { type DamagedOffsets, type GroupInFile, groupsIn } from "@tidemq/server/testing/checkers/wal-group-at.ts";
import { GROUP_HEADER_BYTES } from "@tidemq/server/wal/group-codec.ts";
import { fetch, readStoredLog } from "../harness/read-log.ts";
import type { Sim } from "../harness/sim.ts";
import type { Target } from "../harness/target.ts";
import type { Scenario } from "../scenario.ts";

/** After so long a later group, or the idle mark, says of every group that it was synced. */
const COVERED_MS = 300;
const WAIT_MS = 100;

/**
 * The very first records of a partition are lost before anything of it was uploaded: the loss is named, and what is behind it
 * goes on. A person may give it up while the bucket is still away: it stays given up.
 */
export const scenario: Scenario = {
  name: "oldest-flip",
  async run(sim) {
    const { bucket, disk } = sim.node;
    bucket.faults.outage = "fails";
    await sim.start();
    await sim.load.begin({ producers: 2, plainProducers: 0 });
    sim.gapsAllowed = true;
    sim.damageAllowed = true;
    await sim.rest(100, 600);
    await sim.sleep(COVERED_MS);
    const { path, group } = sim.random.pick(oldestGroups(sim));
    const { position, batches: harmed } = group;
    sim.note(`kill and flip in ${path} at ${position}: ${JSON.stringify(harmed)}`);
    sim.node.kill();
    disk.flipBits(path, position, position + GROUP_HEADER_BYTES);
    await sim.start();
    const lost = await named(sim, harmed);
    const isGivenUp = sim.random.chance(0.5);
    if (isGivenUp) await giveUp(sim, lost);
    bucket.faults.outage = "none";
    await sim.rest(0, 500);
    const { partitions } = sim.broker.controller.state;
    const ids = new Map([...partitions.values()].map(({ id, topic, index }) => [partitionKey(topic, index), id]));
    await sim.finish({
      acceptLoss: isGivenUp ? "before" : false,
      mayBeDamaged: (partition, offset) =>
        harmed.some(({ partitionId, from, to }) => ids.get(partition) === partitionId && offset >= from && offset < to),
    });
  },
};

/** What is lost is told, to operators and to readers. */
async function named(sim: Sim, harmed: readonly DamagedOffsets[]): Promise<readonly Damage[]> {
  const lost = sim.broker.damage;
  check(lost.length > 0, "damage", () => `nothing is named of ${JSON.stringify(harmed)}`);
  for (const { topic, partition, from } of lost) {
    const { errorCode } = await fetch(sim.load.client(), { topic, partition }, from);
    check(errorCode === ErrorCode.CORRUPT_MESSAGE, "damage", () => `${topic}-${partition}@${from} is lost, and answered with ${errorCode}`);
  }
  return lost;
}

/** Readers pass over it from now on, and after a crash. */
async function giveUp(sim: Sim, lost: readonly Damage[]): Promise<void> {
  sim.note(`given up: ${JSON.stringify(lost)}`);
  for (const { topic, partition } of lost) await sim.broker.acceptLoss(topic, partition);
  if (sim.random.chance(0.7)) {
    sim.node.kill();
    await sim.start();
  }
  check(sim.broker.damage.length === 0, "damage", () => `given up, and named again: ${JSON.stringify(sim.broker.damage)}`);
  for (const { topic, partition, from } of lost) {
    const end = sim.broker.partitions.byName(topic, partition)?.highWatermark ?? 0;
    const isEnd = lost.some((one) => one.topic === topic && one.partition === partition && one.to >= end);
    if (isEnd) await waits(sim, { topic, partition }, from);
    else await readStoredLog(sim.load.client(), { topic, partition }, true);
  }
}

/** Whoever stands where nothing is left is answered when something comes, not again and again. */
async function waits(sim: Sim, target: Target, offset: number): Promise<void> {
  const client = sim.load.client();
  await client.admin.listOffsets([{ ...target, at: "latest" }]); // connected
  const fromMs = sim.world.nowMs;
  const { records } = await fetch(client, target, offset, WAIT_MS);
  const isNothing = records === null || records.byteLength === 0;
  check(
    !isNothing || sim.world.nowMs >= fromMs + WAIT_MS,
    "liveness",
    () => `${target.topic}-${target.partition}@${offset}: nothing, at once`,
  );
}

/** Groups that hold the first batch of some partition. */
function oldestGroups(sim: Sim): { path: string; group: GroupInFile }[] {
  const groups: { path: string; group: GroupInFile }[] = [];
  const found = new Set<number>();
  for (const name of sim.node.disk.names.list("wal")) {
    const path = `wal/${name}`;
    for (const group of groupsIn(sim.node.disk.contents(path))) {
      const first = group.batches.filter(({ partitionId, from }) => from === 0 && !found.has(partitionId));
      if (first.length > 0) groups.push({ path, group });
      for (const { partitionId } of first) found.add(partitionId);
    }
  }
  return groups;
}
