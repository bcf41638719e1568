import { offsetsInGroupAt } from "@tidemq/server/testing/checkers/wal-group-at.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** Longer than it takes the idle mark to be written. */
const QUIET_MS = 400;
const BLOCK_BYTES = 4096;

/**
 * Everything comes to rest, then a bit flips in the newest records: they are named as damaged. Without a mark that says that
 * they were synced they would look like a write that the crash tore, and vanish without a word.
 */
export const scenario: Scenario = {
  name: "newest-flip",
  async run(sim) {
    sim.configure({ uploadAgeMs: 20_000 });
    await sim.start();
    await sim.load.begin({ producers: 2, plainProducers: 0 });
    sim.gapsAllowed = true;
    await sim.rest(100, 600);
    for (const producer of sim.load.producers) producer.stop();
    for (const producer of sim.load.producers) await producer.settled();
    await sim.sleep(QUIET_MS);
    const newest = newestGroup(sim);
    const harmed = offsetsInGroupAt(sim.node.disk.contents(newest.path), newest.position);
    sim.note(`kill and flip in ${newest.path} at ${newest.position}: ${JSON.stringify(harmed)}`);
    sim.node.kill();
    sim.node.disk.flipBits(newest.path, newest.position, newest.position + 1);
    await sim.start();
    await sim.finish({
      mayBeDamaged: (partition, offset) =>
        harmed.some(({ partitionId, from, to }) => {
          const state = sim.broker.controller.state.partitions.get(partitionId);
          return state !== undefined && `${state.topic}-${state.index}` === partition && offset >= from && offset < to;
        }),
    });
  },
};

/** Somewhere in the group that holds the newest batch of any partition. */
function newestGroup(sim: Sim): { path: string; position: number } {
  let best = { path: "", position: 0, end: -1 };
  const ends = [...sim.broker.partitions.all()].map((partition) => ({ id: partition.identity.id, end: partition.logEnd }));
  for (const name of sim.node.disk.names.list("wal")) {
    const path = `wal/${name}`;
    const bytes = sim.node.disk.contents(path);
    for (let position = 0; position < bytes.byteLength; position += BLOCK_BYTES) {
      for (const { partitionId, to } of offsetsInGroupAt(bytes, position)) {
        if (to <= best.end || !ends.some(({ id, end }) => id === partitionId && end === to)) continue;
        best = { path, position: position + sim.random.between(0, BLOCK_BYTES - 1), end: to };
      }
    }
  }
  return best;
}
