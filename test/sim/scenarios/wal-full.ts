import type { Scenario } from "../scenario.ts";

/** The bucket is away until the log is full: producers are slowed down, then refused, and lose nothing; then it goes on. */
export const scenario: Scenario = {
  name: "wal-full",
  async run(sim) {
    const { bucket } = sim.node;
    await sim.start();
    await sim.load.begin({ bytes: [1_000, 12_000], producers: 4, pauseMs: [0, 5], deliveryTimeoutMs: 300_000, compression: "none" });
    await sim.rest(0, 500);
    bucket.faults.outage = sim.random.pick(["fails", "hangs"] as const);
    sim.note(`the bucket ${bucket.faults.outage}`);
    const untilMs = sim.world.nowMs + 60_000;
    while (sim.broker.wal.stats.refused === 0 && sim.world.nowMs < untilMs) await sim.sleep(50);
    if (sim.broker.wal.stats.refused === 0) sim.fail("wal-full", "the log does not fill up");
    await sim.rest(0, 3_000);
    if (sim.random.chance(0.4)) {
      sim.note("kill");
      sim.node.kill();
      await sim.start();
      await sim.rest(0, 2_000);
    }
    bucket.faults.outage = "none";
    sim.note("the bucket is back");
    await sim.rest(0, 2_000);
    await sim.finish();
  },
};
