import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** How long something acknowledged may stay unsynced: the flush interval, and the flush itself. */
const UNSYNCED_MS_MAX = 1_500;

/** An answer may have been sent already when the power failed. */
const ON_THE_WAY_MS = 10;

/** `--sync off`, and the power fails: the last second may be lost, but what is left is a log. */
export const scenario: Scenario = {
  name: "power-loss-unsynced",
  async run(sim) {
    sim.configure({ sync: false });
    sim.node.disk.faults.powerLoss = { keptRatio: sim.random.float() * 0.8, tornRatio: sim.random.float() * 0.2 };
    await sim.start();
    await sim.load.begin();
    const lossesMs: number[] = [];
    for (let losses = sim.random.between(1, 4); losses > 0; losses--) {
      await sim.rest(1, 2_500);
      lossesMs.push(sim.world.nowMs);
      await losePower(sim);
    }
    await sim.finish({
      restart: sim.random.pick(["none", "stop", "kill"] as const),
      mayBeLost: ({ endedAtMs }) => lossesMs.some((ms) => endedAtMs < ms + ON_THE_WAY_MS && endedAtMs > ms - UNSYNCED_MS_MAX),
    });
  },
};

async function losePower(sim: Sim): Promise<void> {
  sim.note("power loss");
  sim.load.dropReaders();
  sim.lossesAllowed += 1;
  sim.node.losePower();
  sim.watch.lostUnsynced();
  await sim.rest(0, 100);
  const broker = await sim.start();
  for (const { topic, partition } of sim.load.targets) {
    sim.history.forgetFrom(partitionKey(topic, partition), broker.partitions.byName(topic, partition)?.logEnd ?? 0);
  }
  sim.load.addReader(`reader after ${sim.world.nowMs}`, "earliest");
}
