import type { Scenario } from "../scenario.ts";

/** The disk stalls, now and then for longer than anybody waits for an answer: what is asked again is done once. */
export const scenario: Scenario = {
  name: "slow-disk",
  async run(sim) {
    const { faults } = sim.node.disk;
    await sim.start();
    await sim.load.begin({ producers: 2, pauseMs: [0, 100], deliveryTimeoutMs: 300_000 });
    for (let rounds = sim.random.between(1, 3); rounds > 0; rounds--) {
      await sim.rest(100, 500);
      const stallMs = sim.random.pick([100, 3_000, 25_000]);
      sim.note(`syncs take up to ${stallMs} ms`);
      faults.syncMs = [stallMs / 2, stallMs];
      await sim.rest(100, stallMs * 2);
      faults.syncMs = [0.1, 1];
      await sim.rest(0, stallMs);
    }
    await sim.finish();
  },
};
