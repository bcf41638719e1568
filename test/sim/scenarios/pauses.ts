import type { Scenario } from "../scenario.ts";

/** The process stands still for seconds, as after SIGSTOP or on a machine that swaps: then everything comes at once. */
export const scenario: Scenario = {
  name: "pauses",
  async run(sim) {
    await sim.start();
    await sim.load.begin();
    for (let pauses = sim.random.between(1, 5); pauses > 0; pauses--) {
      await sim.rest(1, 800);
      const ms = sim.random.pick([50, 1_000, 15_000]);
      sim.note(`pause for ${ms} ms`);
      sim.node.process?.pause(ms);
      await sim.sleep(ms);
    }
    await sim.finish();
  },
};
