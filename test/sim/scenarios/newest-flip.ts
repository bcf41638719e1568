import { type LiveGroup, WalHarm } from "../harness/wal-harm.ts";
import type { Scenario } from "../scenario.ts";

/** Longer than it takes the idle mark to be written. */
const QUIET_MS = 400;

/**
 * Everything comes to rest, then a bit flips in the newest records: they are named as damaged. Without a mark that says that
 * they were synced they would look like a write that the crash tore, and vanish without a word.
 */
export const scenario: Scenario = {
  name: "newest-flip",
  async run(sim) {
    sim.configure({ uploadAgeMs: 20_000, uploadBytes: 512 * 1024 });
    await sim.start();
    await sim.load.begin({ producers: 2, plainProducers: 0 });
    await sim.rest(100, 600);
    for (const producer of sim.load.producers) producer.stop();
    for (const producer of sim.load.producers) await producer.settled();
    await sim.sleep(QUIET_MS);
    const harm = new WalHarm(sim);
    const newest = newestOf(harm.liveGroups());
    if (newest !== undefined) harm.flipIn(newest);
    sim.note("kill");
    sim.node.kill();
    await sim.start();
    await sim.finish({ mayBeDamaged: harm.mayBeDamaged });
  },
};

function newestOf(groups: readonly LiveGroup[]): LiveGroup | undefined {
  return [...groups].sort((a, b) => b.group.header.number - a.group.header.number)[0];
}
