import type { Scenario } from "../scenario.ts";

/** The power fails at any moment under load: each write that was not synced is kept, torn or lost, each name kept or lost. */
export const scenario: Scenario = {
  name: "power-loss",
  async run(sim) {
    const { faults } = sim.node.disk;
    faults.powerLoss = { keptRatio: sim.random.float() * 0.8, tornRatio: sim.random.float() * 0.2 };
    faults.namesKeptRatio = sim.random.float();
    faults.syncMs = [0.1, sim.random.pick([1, 5, 30])];
    await sim.start();
    await sim.load.begin();
    for (let losses = sim.random.between(1, 5); losses > 0; losses--) {
      await sim.rest(1, 1_000);
      sim.note("power loss");
      sim.node.losePower();
      await sim.rest(0, 200);
      await sim.start();
    }
    await sim.rest(0, 500);
    await sim.finish();
  },
};
