import { UnsyncedLosses } from "../harness/unsynced-losses.ts";
import type { Scenario } from "../scenario.ts";

/** `--sync off`, and the power fails: the last second may be lost, but what is left is a log. */
export const scenario: Scenario = {
  name: "power-loss-unsynced",
  async run(sim) {
    const losses = new UnsyncedLosses(sim);
    sim.configure({ sync: false });
    sim.node.disk.faults.powerLoss = { keptRatio: sim.random.float() * 0.8, tornRatio: sim.random.float() * 0.2 };
    await sim.start();
    await sim.load.begin();
    for (let count = sim.random.between(1, 4); count > 0; count--) {
      await sim.rest(1, 2_500);
      await losses.losePower(sim.random.between(0, 100));
    }
    await sim.finish({
      restart: sim.random.pick(["none", "stop", "kill"] as const),
      mayBeLost: (sent) => losses.mayHaveTaken(sent),
    });
  },
};
