import type { DiskEntry } from "@tidemq/server/testing/sim-io/disk-names.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/**
 * `kill -9`, then the power fails: what the next process found in the kernel's memory, names of files included, was never
 * on the platter unless that process put it there.
 */
export const scenario: Scenario = {
  name: "kill-then-power-loss",
  async run(sim) {
    const { faults } = sim.node.disk;
    faults.powerLoss = { keptRatio: 0.1, tornRatio: 0.1 };
    faults.namesKeptRatio = sim.random.pick([0, 0.5]);
    faults.syncMs = [0.1, sim.random.pick([1, 20])];
    faults.nameMs = [0.1, sim.random.pick([1, 20, 60])];
    let begun = false;
    for (let rounds = sim.random.between(1, 3); rounds > 0; rounds--) {
      await sim.start();
      if (!begun)
        await sim.rest(0, sim.random.pick([20, 200])); // its files are still being made
      else if (sim.random.chance(0.5)) await sim.rest(0, 600);
      else await untilNamesChange(sim);
      sim.note("kill");
      sim.node.kill();
      await sim.start();
      if (!begun) await sim.load.begin();
      begun = true;
      await sim.rest(0, 600);
      sim.note("power loss");
      sim.node.losePower();
    }
    await sim.start();
    await sim.rest(0, 300);
    await sim.finish();
  },
};

/** Somebody made, renamed or removed a file, and has hardly had the time to sync the folder. */
async function untilNamesChange(sim: Sim): Promise<void> {
  const { names } = sim.node.disk;
  const now = (): string =>
    ["meta", "wal"].flatMap((folder) => names.list(folder).map((name) => fileId(names.get(`${folder}/${name}`)))).join();
  const before = now();
  for (let ms = 0; ms < 3_000 && now() === before; ms++) await sim.sleep(1);
}

function fileId(entry: DiskEntry | undefined): number {
  return entry === undefined || entry === "folder" ? -1 : entry.id;
}
