import type { Scenario } from "../scenario.ts";

/** Reads of the disk fail, single ones or all of them for a while, and succeed when they are tried again: nothing is given up because of that. */
export const scenario: Scenario = {
  name: "read-errors",
  async run(sim) {
    const { disk } = sim.node;
    sim.gapsAllowed = true;
    await sim.start();
    await sim.load.begin({ scanners: 2 });
    for (let rounds = sim.random.between(1, 3); rounds > 0; rounds--) {
      await sim.rest(100, 800);
      disk.faults.readErrorRatio = sim.random.pick([0.002, 0.01, 0.5, 1]);
      sim.note("read errors");
      await sim.rest(100, 800);
      disk.faults.readErrorRatio = 0;
      if (!sim.random.chance(0.5)) continue;
      sim.note("kill");
      sim.node.kill();
      await sim.start();
    }
    await sim.finish();
  },
};
