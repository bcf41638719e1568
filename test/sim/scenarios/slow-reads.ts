import type { Scenario } from "../scenario.ts";

/** Reads from the disk take long, while files are emptied and used again: whoever reads a file gets what he asked for. */
export const scenario: Scenario = {
  name: "slow-reads",
  async run(sim) {
    sim.configure({ writeMemoryBytes: 512 * 1024, uploadBytes: 64 * 1024, uploadAgeMs: 200 });
    sim.node.disk.faults.readMs = [0.5, sim.random.pick([20, 100, 400])];
    await sim.start();
    await sim.load.begin({ scanners: 3, bytes: [500, 4_000], pauseMs: [0, 8] });
    await sim.rest(1_000, 2_500);
    await sim.finish();
  },
};
