import type { Scenario } from "../scenario.ts";

/** The bucket is slow, answers errors, does what it says it has not done, or does it a minute later. */
export const scenario: Scenario = {
  name: "bucket-errors",
  async run(sim) {
    const { bucket } = sim.node;
    await sim.start();
    await sim.load.begin();
    for (let rounds = sim.random.between(1, 4); rounds > 0; rounds--) {
      const slow = sim.random.pick([40, 400, 4_000]);
      Object.assign(bucket.faults, {
        putMs: [5, slow],
        readMs: [2, slow],
        unavailableRatio: sim.random.pick([0, 0.1, 0.5]),
        unknownRatio: sim.random.pick([0, 0.2, 0.7]),
        unknownAfterMs: [10, sim.random.pick([100, 5_000])],
        lateMs: [50, sim.random.pick([500, 30_000])],
        confirmsChecksum: sim.random.chance(0.5),
      });
      sim.note("bucket errors");
      await sim.rest(100, 1_500);
      if (sim.random.chance(0.4)) {
        sim.note("kill");
        sim.node.kill();
        await sim.start();
      }
    }
    await sim.finish();
  },
};
