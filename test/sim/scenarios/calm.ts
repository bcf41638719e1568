import type { Scenario } from "../scenario.ts";

/** Nothing goes wrong: files are reused, objects made, caches evicted. */
export const scenario: Scenario = {
  name: "calm",
  async run(sim) {
    await sim.start();
    await sim.load.begin();
    await sim.rest(1_000, 4_000);
    await sim.finish();
  },
};
