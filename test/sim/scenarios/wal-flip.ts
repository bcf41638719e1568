import { offsetsInGroupAt } from "@tidemq/server/testing/checkers/wal-group-at.ts";
import type { Sim } from "../harness/sim.ts";
import { WalHarm } from "../harness/wal-harm.ts";
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
    const harm = new WalHarm(sim);
    for (let rounds = sim.random.between(1, 3); rounds > 0; rounds--) {
      await sim.rest(200, 1_000);
      bucket.faults.outage = sim.random.pick(["none", "fails"] as const);
      for (let flips = sim.random.between(1, 4); flips > 0; flips--) flip(sim, harm);
      await sim.sleep(COVERED_MS);
      bucket.faults.outage = "none";
      if (sim.random.chance(0.7)) {
        sim.note("kill");
        sim.node.kill();
        await sim.start();
      }
    }
    await sim.finish({ mayBeDamaged: harm.mayBeDamaged, acceptLoss: sim.random.chance(0.5) });
  },
};

/** Anywhere. */
function flip(sim: Sim, harm: WalHarm): void {
  const { disk } = sim.node;
  const path = `wal/${sim.random.pick(disk.names.list("wal"))}`;
  const bytes = disk.contents(path);
  if (bytes.byteLength === 0) return;
  let position = sim.random.between(0, bytes.byteLength - 1);
  const live = offsetsInGroupAt(bytes, position).filter((batch) => harm.isLive(batch));
  // Its first bytes are in no checksum of the batch itself.
  if (live.length > 0 && sim.random.chance(0.3)) position = sim.random.pick(live).position + sim.random.between(0, 20);
  harm.flip(path, position, live);
}
