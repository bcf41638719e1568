import type { Scenario } from "../scenario.ts";

/** `--sync off`, and `kill -9` at any moment: what the kernel has stays, so nothing acknowledged is lost. */
export const scenario: Scenario = {
  name: "kill-unsynced",
  async run(sim) {
    sim.configure({ sync: false });
    await sim.start();
    await sim.load.begin();
    for (let kills = sim.random.between(1, 5); kills > 0; kills--) {
      await sim.rest(1, 1_500);
      sim.note("kill");
      sim.node.kill();
      await sim.rest(0, 100);
      await sim.start();
    }
    await sim.finish({ restart: sim.random.pick(["none", "stop", "kill"] as const) });
  },
};
