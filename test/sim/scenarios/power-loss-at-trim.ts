import { untilFilesChange } from "../harness/files-changed.ts";
import type { Scenario } from "../scenario.ts";

const FILES = ["meta/log", "meta/log.new", "meta/snapshot.new"];

/** The power fails while a snapshot of the metadata is written and its log is shortened: one of the two holds every command. */
export const scenario: Scenario = {
  name: "power-loss-at-trim",
  async run(sim) {
    const { faults } = sim.node.disk;
    faults.powerLoss = { keptRatio: sim.random.float() * 0.5, tornRatio: sim.random.float() * 0.3 };
    faults.namesKeptRatio = sim.random.pick([0, 0.5, 0.9]);
    faults.nameMs = [0.1, sim.random.pick([1, 20])];
    faults.syncMs = [0.1, sim.random.pick([1, 10])];
    sim.configure({ uploadAgeMs: 300, uploadBytes: 32 * 1024 });
    await sim.start();
    await sim.load.begin();
    for (let losses = sim.random.between(1, 4); losses > 0; losses--) {
      await untilFilesChange(sim, () => FILES, 5_000);
      await sim.rest(0, sim.random.pick([2, 20, 200]));
      sim.note("power loss");
      sim.node.losePower();
      await sim.start();
    }
    await sim.finish();
  },
};
