import type { Scenario } from "../scenario.ts";

/** A bit flips in a snapshot of the metadata while it is written: it is noticed before the log that it replaces is trimmed. */
export const scenario: Scenario = {
  name: "snapshot-flip",
  async run(sim) {
    const { disk } = sim.node;
    disk.faults.syncMs = [2, 6]; // between writing and reading back
    await sim.start();
    await sim.load.begin({ pauseMs: [5, 40] });
    for (let flips = sim.random.between(1, 3); flips > 0; flips--) {
      await sim.rest(0, 500);
      const untilMs = sim.world.nowMs + 5_000;
      const written = (): number => (disk.names.list("meta").includes("snapshot.new") ? disk.file("meta/snapshot.new").current.size : 0);
      while (written() === 0 && sim.world.nowMs < untilMs) await sim.sleep(1);
      const size = written();
      if (size === 0) break;
      sim.note("flip in meta/snapshot.new");
      sim.mayDie = () => true;
      disk.flipBits("meta/snapshot.new", 0, size);
      await sim.rest(0, 300);
      sim.mayDie = () => false;
      sim.node.kill();
      await sim.start();
    }
    await sim.finish();
  },
};
