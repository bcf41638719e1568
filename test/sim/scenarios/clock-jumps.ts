import type { Scenario } from "../scenario.ts";

const YEAR_MS = 365 * 86_400_000;

/** The wall clock jumps by years, in both directions, and connections break: producers are not forgotten, nothing is stored twice, nothing is too old. */
export const scenario: Scenario = {
  name: "clock-jumps",
  async run(sim) {
    sim.configure({ retentionCheckMs: 500, uploadAgeMs: 300 });
    await sim.start();
    await sim.load.begin();
    let offsetMs = 0;
    for (let jumps = sim.random.between(2, 8); jumps > 0; jumps--) {
      await sim.rest(1, 400);
      const ms = (sim.random.float() - 0.5) * sim.random.pick([10_000, 3 * 86_400_000, 20 * YEAR_MS]);
      sim.note(`the wall clock jumps by ${ms} ms`);
      sim.node.process?.clock.jumpWall(ms);
      offsetMs += ms;
      if (sim.random.chance(0.3)) await sim.sleep(1_000); // somebody looks what is too old
      if (sim.random.chance(0.5)) for (const link of [...sim.node.network.links]) link.reset();
      if (sim.random.chance(0.3)) {
        sim.note("kill");
        sim.node.kill();
        await sim.start();
        offsetMs = 0;
      }
    }
    sim.node.process?.clock.jumpWall(-offsetMs); // else timestamps are refused
    await sim.finish();
  },
};
