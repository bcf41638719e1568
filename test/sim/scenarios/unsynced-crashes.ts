import type { Sim } from "../harness/sim.ts";
import { UNSYNCED_MS_MAX, UnsyncedLosses } from "../harness/unsynced-losses.ts";
import type { Scenario } from "../scenario.ts";

/**
 * `--sync off`, crash upon crash: much of the log is in the kernel's memory only. What a start found there is on the platter
 * when it serves; what a start left out behind a torn group stays dead, however many starts, and uses of its file, follow.
 */
export const scenario: Scenario = {
  name: "unsynced-crashes",
  async run(sim) {
    const losses = new UnsyncedLosses(sim);
    sim.configure({ sync: false, walFileBytes: 256 * 1024, walCapacityBytes: 10 * 256 * 1024 });
    const { faults } = sim.node.disk;
    // Nobody may count on the log's syncs because those of the metadata are done.
    Object.assign(faults, { slowFolder: "wal", slowSyncMs: [0.1, sim.random.pick([1, 20, 100])] });
    const keptRatio = sim.random.float() * 0.9;
    faults.powerLoss = { keptRatio, tornRatio: sim.random.float() * (1 - keptRatio) };
    await sim.start();
    await sim.load.begin({ topics: 1, bytes: [12, 4_000], compression: "none" });
    for (let rounds = sim.random.between(2, 4); rounds > 0; rounds--) {
      await sim.rest(1, sim.random.pick([100, 1_500]));
      if (sim.random.chance(0.5)) await kill(sim, UNSYNCED_MS_MAX); // so old that a power loss is no excuse any more
      await losses.losePower();
      for (let quick = sim.random.between(0, 3); quick > 0; quick--) {
        await sim.rest(0, sim.random.pick([0, 5, 30]));
        if (sim.random.chance(0.5)) await losses.losePower();
        else await kill(sim, 0);
      }
    }
    await sim.finish({
      restart: sim.random.pick(["none", "stop", "kill"] as const),
      mayBeLost: (sent) => losses.mayHaveTaken(sent),
    });
  },
};

async function kill(sim: Sim, downMs: number): Promise<void> {
  sim.note("kill");
  sim.node.kill();
  await sim.sleep(downMs);
  await sim.start();
}
