import type { Scenario } from "../scenario.ts";

/** The broker starts while the bucket is away, and serves: writes, and reads of what is local. */
export const scenario: Scenario = {
  name: "bucket-away-at-start",
  async run(sim) {
    const { bucket } = sim.node;
    const isNew = sim.random.chance(0.2);
    if (!isNew) {
      await sim.start();
      await sim.load.begin();
      await sim.rest(500, 2_000);
      if (sim.random.chance(0.5)) sim.node.kill();
      else await sim.node.stop();
    }
    bucket.faults.outage = sim.random.pick(["fails", "hangs"] as const);
    const startMs = sim.world.nowMs;
    sim.note(`start without the bucket: ${bucket.faults.outage}`);
    await sim.start();
    const tookMs = sim.world.nowMs - startMs;
    if (tookMs > 2_000) sim.fail("liveness", `a start without the bucket took ${tookMs} ms`);
    if (isNew) await sim.load.begin();
    const before = sim.history.counts.acked;
    await sim.rest(500, 2_000);
    if (sim.history.counts.acked === before) sim.fail("liveness", "nobody could write while the bucket was away");
    await sim.finish();
  },
};
