import type { Scenario } from "../scenario.ts";

/** The bucket takes nothing more, or refuses the credentials, for a while: reads of what is local and writes go on. */
export const scenario: Scenario = {
  name: "bucket-full",
  async run(sim) {
    const { bucket } = sim.node;
    await sim.start();
    await sim.load.begin();
    await sim.rest(0, 1_000);
    if (sim.random.chance(0.5)) bucket.faults.capacityBytes = bucket.storedBytes() + sim.random.between(0, 200_000);
    else bucket.faults.denied = true;
    sim.note("the bucket is full or closed");
    const before = sim.history.counts.acked;
    await sim.rest(500, 1_500);
    if (sim.history.counts.acked === before) sim.fail("liveness", "nobody could write while the bucket was full");
    await sim.finish();
  },
};
