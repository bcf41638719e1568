import type { Scenario } from "../scenario.ts";

/** `kill -9` at any moment under load: what the kernel has stays, the rest of the calls in flight happens in part. */
export const scenario: Scenario = {
  name: "kill",
  async run(sim) {
    await sim.start();
    await sim.load.begin();
    for (let kills = sim.random.between(1, 6); kills > 0; kills--) {
      await sim.rest(1, 1_000);
      sim.note("kill");
      sim.node.kill();
      await sim.rest(0, 200);
      await sim.start();
    }
    await sim.rest(0, 500);
    await sim.finish();
  },
};
