import type { Scenario } from "../scenario.ts";

/** Few records each in very many partitions, with crashes between. */
export const scenario: Scenario = {
  name: "many-partitions",
  async run(sim) {
    await sim.start();
    await sim.load.begin({ topics: 1, partitions: sim.random.between(60, 200), producers: 2, plainProducers: 0, bytes: [12, 300] });
    for (let crashes = sim.random.between(1, 2); crashes > 0; crashes--) {
      await sim.rest(300, 1_000);
      const isPower = sim.random.chance(0.5);
      sim.note(isPower ? "power loss" : "kill");
      if (isPower) sim.node.losePower();
      else sim.node.kill();
      await sim.start();
    }
    await sim.rest(0, 300);
    await sim.finish();
  },
};
