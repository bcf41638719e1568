import type { Scenario } from "../scenario.ts";

/** So many small uploads that the ranges of a partition are rolled into manifests, with crashes and a bucket that is not always well. */
export const scenario: Scenario = {
  name: "manifests",
  async run(sim) {
    const { bucket } = sim.node;
    sim.configure({ uploadBytes: 8 * 1024, uploadAgeMs: 100 });
    Object.assign(bucket.faults, { putMs: [1, 8], nameMs: [1, 4], readMs: [1, 5] });
    await sim.start();
    await sim.load.begin({ topics: 1, partitions: sim.random.between(1, 2), producers: 2, bytes: [200, 3_000] });
    const untilMs = sim.world.nowMs + 20_000;
    while (manifests() < 1 && sim.world.nowMs < untilMs) {
      await sim.rest(100, 600);
      bucket.faults.unavailableRatio = sim.random.pick([0, 0, 0.2]);
      bucket.faults.unknownRatio = sim.random.pick([0, 0, 0.1]);
      bucket.faults.unknownAfterMs = [10, 100];
      bucket.faults.lateMs = [10, 1_000];
      bucket.faults.corruptPutRatio = sim.random.pick([0, 0, 0.3]);
      if (!sim.random.chance(0.1)) continue;
      sim.note("kill");
      sim.node.kill();
      await sim.start();
    }
    if (manifests() < 1) sim.fail("manifests", "no partition has a manifest");
    await sim.finish();

    function manifests(): number {
      return [...sim.broker.controller.state.partitions.values()].filter((one) => one.manifest !== undefined).length;
    }
  },
};
