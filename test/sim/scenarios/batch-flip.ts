import { readStoredLog } from "../harness/read-log.ts";
import type { Sim } from "../harness/sim.ts";
import { WalHarm } from "../harness/wal-harm.ts";
import type { Scenario } from "../scenario.ts";

/** After so long a later group, or the idle mark, says of every group that it was synced. */
const COVERED_MS = 300;

/** Bits flip where it hurts, in groups with batches that are nowhere else; then memory is lost, and they are read from the disk. */
export const scenario: Scenario = {
  name: "batch-flip",
  async run(sim) {
    const { bucket } = sim.node;
    await sim.start();
    await sim.load.begin({ topics: 1, bytes: [12, 3_000] });
    const harm = new WalHarm(sim);
    for (let rounds = sim.random.between(1, 2); rounds > 0; rounds--) {
      await sim.rest(50, 500);
      bucket.faults.outage = "fails";
      await sim.rest(50, 300);
      const groups = harm.liveGroups();
      for (let flips = sim.random.between(1, 3); flips > 0 && groups.length > 0; flips--) harm.flipIn(sim.random.pick(groups));
      await sim.sleep(COVERED_MS);
      sim.note("kill");
      sim.node.kill();
      await sim.start();
      if (sim.random.chance(0.5)) await readHarmed(sim, harm);
      bucket.faults.outage = "none";
    }
    await sim.finish({ mayBeDamaged: harm.mayBeDamaged, acceptLoss: sim.random.chance(0.5) });
  },
};

/** What is uploaded cannot be read at the moment. */
async function readHarmed(sim: Sim, harm: WalHarm): Promise<void> {
  for (const target of harm.targets()) {
    const uploadedEnd = sim.broker.partitions.byName(target.topic, target.partition)?.uploadedEnd;
    await readStoredLog(sim.load.client(), target, false, uploadedEnd);
  }
}
