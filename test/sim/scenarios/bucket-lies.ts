import type { Scenario } from "../scenario.ts";

/** The bucket stores other bytes than it was sent, and returns flipped bits: nothing is committed unproven, nothing wrong is served. */
export const scenario: Scenario = {
  name: "bucket-lies",
  async run(sim) {
    const { bucket } = sim.node;
    Object.assign(bucket.faults, {
      corruptPutRatio: sim.random.pick([0.1, 0.4]),
      corruptReadRatio: sim.random.pick([0, 0.05]),
      confirmsChecksum: sim.random.chance(0.5),
      unknownRatio: sim.random.pick([0, 0.4]),
      unknownAfterMs: [10, 200],
      lateMs: [10, 500],
    });
    sim.gapsAllowed = true; // two flips in a row are damage, until somebody reads again
    await sim.start();
    await sim.load.begin();
    for (let kills = sim.random.between(0, 2); kills > 0; kills--) {
      await sim.rest(200, 1_500);
      sim.note("kill");
      sim.node.kill();
      await sim.start();
    }
    await sim.rest(200, 1_500);
    await sim.finish();
  },
};
