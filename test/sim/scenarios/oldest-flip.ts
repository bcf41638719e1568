import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import { offsetsInGroupAt } from "@tidemq/server/testing/checkers/wal-group-at.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** After so long a later group, or the idle mark, says of every group that it was synced. */
const COVERED_MS = 300;
const BLOCK_BYTES = 4096;
const HEADER_BYTES = 128;

/** The very first records of a partition are lost before anything of it was uploaded: the loss is named, and what is behind it goes on. */
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
    const { path, position } = sim.random.pick(oldestGroups(sim));
    const harmed = offsetsInGroupAt(disk.contents(path), position);
    sim.note(`kill and flip in ${path} at ${position}: ${JSON.stringify(harmed)}`);
    sim.node.kill();
    disk.flipBits(path, position, position + HEADER_BYTES);
    await sim.start();
    bucket.faults.outage = "none";
    await sim.rest(0, 500);
    const { partitions } = sim.broker.controller.state;
    const ids = new Map([...partitions.values()].map(({ id, topic, index }) => [partitionKey(topic, index), id]));
    await sim.finish({
      mayBeDamaged: (partition, offset) =>
        harmed.some(({ partitionId, from, to }) => ids.get(partition) === partitionId && offset >= from && offset < to),
    });
  },
};

/** Where the groups begin that hold the first batch of some partition. */
function oldestGroups(sim: Sim): { path: string; position: number }[] {
  const groups: { path: string; position: number }[] = [];
  const found = new Set<number>();
  for (const name of sim.node.disk.names.list("wal")) {
    const path = `wal/${name}`;
    const bytes = sim.node.disk.contents(path);
    for (let position = 0; position < bytes.byteLength; position += BLOCK_BYTES) {
      const first = offsetsInGroupAt(bytes, position).filter(({ partitionId, from }) => from === 0 && !found.has(partitionId));
      if (first.length > 0) groups.push({ path, position });
      for (const { partitionId } of first) found.add(partitionId);
    }
  }
  return groups;
}
