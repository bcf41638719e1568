import { untilFilesChange } from "../harness/files-changed.ts";
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
      else await untilFilesChange(sim, () => allFiles(sim), 3_000); // and hardly anybody has had the time to sync the folder
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

function allFiles(sim: Sim): string[] {
  return ["meta", "wal"].flatMap((folder) => sim.node.disk.names.list(folder).map((name) => `${folder}/${name}`));
}
