import type { Scenario } from "../scenario.ts";

/** The bucket comes and goes, so that files are emptied by copying what is not uploaded, and the process is killed meanwhile. */
export const scenario: Scenario = {
  name: "copies",
  async run(sim) {
    const { bucket } = sim.node;
    sim.configure({ walFileBytes: 256 * 1024, walCapacityBytes: 10 * 256 * 1024, uploadBytes: 32 * 1024 });
    await sim.start();
    await sim.load.begin({ bytes: [200, 3_000], pauseMs: [0, 8], compression: "none" });
    for (let rounds = sim.random.between(3, 7); rounds > 0; rounds--) {
      bucket.faults.outage = "fails";
      await sim.rest(50, 700);
      bucket.faults.outage = "none";
      await sim.rest(20, 300);
      if (sim.random.chance(0.4)) continue;
      const isPower = sim.random.chance(0.5);
      sim.note(isPower ? "power loss" : "kill");
      if (isPower) sim.node.losePower();
      else sim.node.kill();
      await sim.start();
    }
    await sim.finish();
  },
};
