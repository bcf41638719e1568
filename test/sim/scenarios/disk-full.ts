import { QueueError } from "@tidemq/server/base/errors.ts";
import { DiskError } from "@tidemq/server/io/disk.ts";
import { ProcessEnded } from "@tidemq/server/testing/sim-broker.ts";
import { WalOpenError } from "@tidemq/server/wal/wal-options.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/**
 * Something else fills the disk. A running process goes on without what it would have to write, and goes on with it when there is room
 * again; a start may end. With room again everything is there.
 */
export const scenario: Scenario = {
  name: "disk-full",
  async run(sim) {
    const { disk } = sim.node;
    if (sim.random.chance(0.3)) await firstStart(sim);
    await sim.start();
    await sim.load.begin();
    for (let rounds = sim.random.between(1, 3); rounds > 0; rounds--) {
      await sim.rest(1, 500);
      disk.faults.capacityBytes = disk.usedBytes() + sim.random.pick([0, 1_000, 300_000]);
      sim.note("the disk fills up");
      await sim.rest(100, 1_500);
      if (sim.random.chance(0.5)) await tryStart(sim);
      disk.faults.capacityBytes = Number.POSITIVE_INFINITY;
      sim.note("room again");
      if (!sim.node.isUp) await sim.start();
    }
    await sim.finish();
  },
};

/** Not even the log's files fit. */
async function firstStart(sim: Sim): Promise<void> {
  sim.node.disk.faults.capacityBytes = sim.random.between(0, 1_500_000);
  await tryStart(sim);
  await sim.rest(0, 100);
  sim.node.kill();
  sim.node.disk.faults.capacityBytes = Number.POSITIVE_INFINITY;
}

async function tryStart(sim: Sim): Promise<void> {
  sim.node.kill();
  sim.mayDie = () => true;
  try {
    await sim.node.start();
  } catch (error) {
    const isFull = error instanceof QueueError && error.code === "DISK_FULL";
    if (!isFull && !(error instanceof DiskError) && !(error instanceof ProcessEnded) && !(error instanceof WalOpenError)) throw error;
    sim.node.kill();
  }
  sim.mayDie = () => false;
}
