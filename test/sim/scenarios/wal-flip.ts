import { type DamagedOffsets, offsetsInGroupAt } from "@tidemq/server/testing/checkers/wal-group-at.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** After so long a later group, or the idle mark, says of every group that it was synced. */
const COVERED_MS = 300;

/** Bits flip in files of the log: the loss is named and answered as damage, everything else is served and goes on. */
export const scenario: Scenario = {
  name: "wal-flip",
  async run(sim) {
    const { bucket } = sim.node;
    await sim.start();
    await sim.load.begin({ bytes: [12, 3_000] });
    sim.gapsAllowed = true;
    const harmed: DamagedOffsets[] = [];
    for (let rounds = sim.random.between(1, 3); rounds > 0; rounds--) {
      await sim.rest(200, 1_000);
      bucket.faults.outage = sim.random.pick(["none", "fails"] as const);
      for (let flips = sim.random.between(1, 4); flips > 0; flips--) harmed.push(...flip(sim));
      await sim.sleep(COVERED_MS);
      bucket.faults.outage = "none";
      if (sim.random.chance(0.7)) {
        sim.note("kill");
        sim.node.kill();
        await sim.start();
      }
    }
    await sim.finish({
      mayBeDamaged: (partition, offset) => isHarmed(sim, harmed, partition, offset),
      acceptLoss: sim.random.chance(0.5),
    });
  },
};

function flip(sim: Sim): DamagedOffsets[] {
  const { disk } = sim.node;
  const path = `wal/${sim.random.pick(disk.names.list("wal"))}`;
  const bytes = disk.contents(path);
  if (bytes.byteLength === 0) return [];
  let position = sim.random.between(0, bytes.byteLength - 1);
  // What is uploaded is whole in the bucket, and served from there.
  const harmed = offsetsInGroupAt(bytes, position).filter(({ partitionId, to }) => to > uploadedEnd(sim, partitionId));
  // Its first bytes are in no checksum of the batch itself.
  if (harmed.length > 0 && sim.random.chance(0.3)) position = sim.random.pick(harmed).position + sim.random.between(0, 20);
  sim.note(`flip in ${path} at ${position}, group of ${JSON.stringify(harmed)}`);
  disk.flipBits(path, position, position + 1);
  return harmed;
}

function uploadedEnd(sim: Sim, partitionId: number): number {
  return sim.broker.controller.state.partitions.get(partitionId)?.uploadedEnd ?? 0;
}

function isHarmed(sim: Sim, harmed: readonly DamagedOffsets[], partition: string, offset: number): boolean {
  const ids = [...sim.broker.controller.state.partitions.values()].filter((one) => `${one.topic}-${one.index}` === partition);
  return harmed.some(({ partitionId, from, to }) => ids[0]?.id === partitionId && offset >= from && offset < to);
}
