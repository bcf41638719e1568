import type { Scenario } from "../scenario.ts";

/** Connections are reset, fall silent and deliver in crumbs: whatever is sent twice is stored once. */
export const scenario: Scenario = {
  name: "network-faults",
  async run(sim) {
    const { network } = sim.node;
    await sim.start();
    await sim.load.begin({ plainProducers: 0 });
    for (let rounds = sim.random.between(1, 4); rounds > 0; rounds--) {
      Object.assign(network.faults, {
        resetRatio: sim.random.pick([0, 0.005, 0.05]),
        silenceRatio: sim.random.pick([0, 0, 0.005]),
        refuseRatio: sim.random.pick([0, 0.3]),
        delayMs: [0.02, sim.random.pick([0.2, 20])],
        chopBytes: sim.random.pick([
          [1, 8],
          [1, 700],
          [1, 65_536],
        ]),
        windowBytes: sim.random.pick([2_000, 256 * 1024]),
      });
      sim.note("network faults");
      await sim.rest(100, 1_500);
      if (sim.random.chance(0.3)) {
        sim.note("kill");
        sim.node.kill();
        await sim.start();
      }
    }
    await sim.finish();
  },
};
