import { DiskError } from "@tidemq/server/io/disk.ts";
import { ProcessEnded } from "@tidemq/server/testing/sim-broker.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** So soon after a failed write or sync the process has ended. */
const ENDED_WITHIN_MS = 50;

/** A file of the log that cannot be made is done without; so all are there before something fails. */
const FILES_MADE_MS = 150;

/** Writes and syncs fail: the process ends itself at once, since nobody knows any more what the disk holds; the next one recovers. */
export const scenario: Scenario = {
  name: "disk-errors",
  async run(sim) {
    await sim.start();
    await sim.load.begin();
    const { faults } = sim.node.disk;
    for (let rounds = sim.random.between(1, 4); rounds > 0; rounds--) {
      await sim.sleep(FILES_MADE_MS);
      await sim.rest(1, 500);
      sim.note("disk errors");
      sim.mayDie = () => true;
      faults.errorsIn = sim.random.pick(["", "", "meta/"]);
      if (sim.random.chance(0.5)) faults.writeErrorRatio = sim.random.pick([0.01, 0.1, 1]);
      else faults.syncErrorRatio = sim.random.pick([0.01, 0.1, 1]);
      await untilDead(sim);
      if (!sim.node.isUp && sim.random.chance(0.5)) await tryStart(sim);
      Object.assign(faults, { writeErrorRatio: 0, syncErrorRatio: 0 });
      if (sim.random.chance(0.3)) sim.node.losePower();
      else sim.node.kill();
      sim.mayDie = () => false;
      await sim.start();
    }
    await sim.finish({ restart: sim.random.pick(["power", "power", "kill"] as const) });
  },
};

async function untilDead(sim: Sim): Promise<void> {
  const { counts } = sim.node.disk;
  const before = counts.faults;
  const untilMs = sim.world.nowMs + sim.random.between(200, 2_000);
  while (counts.faults === before && sim.world.nowMs < untilMs) await sim.sleep(1);
  if (counts.faults === before) return;
  await sim.sleep(ENDED_WITHIN_MS);
  if (sim.node.isUp) sim.fail("process", "a write or sync failed, and the process goes on");
}

async function tryStart(sim: Sim): Promise<void> {
  try {
    await sim.node.start();
  } catch (error) {
    if (!(error instanceof DiskError) && !(error instanceof ProcessEnded)) throw error;
  }
}
