import { ProcessEnded } from "@tidemq/server/testing/sim-broker.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** What a start takes beside its syncs, about. */
const START_MS = 20;
/** Syncs of the log in it, one after the other. */
const START_SYNCS = 4;

/** The process is killed, or the power fails, while it starts: again and again, before it gets as far as listening. */
export const scenario: Scenario = {
  name: "crash-in-start",
  async run(sim) {
    const { faults } = sim.node.disk;
    const syncMs = sim.random.pick([1, 20, 20]);
    Object.assign(faults, { slowFolder: "wal", slowSyncMs: [syncMs / 10, syncMs] });
    const keptRatio = sim.random.float() * 0.9;
    faults.powerLoss = { keptRatio, tornRatio: sim.random.float() * (1 - keptRatio) };
    await crashStarts(sim, sim.random.pick([0, 1, 6])); // the very first start
    await sim.start();
    await sim.load.begin();
    for (let rounds = sim.random.between(1, 4); rounds > 0; rounds--) {
      await sim.rest(1, sim.random.pick([100, 1_000]));
      crash(sim);
      await crashStarts(sim, sim.random.between(1, 4));
      await sim.start();
    }
    await sim.rest(0, 500);
    await sim.finish();
  },
};

async function crashStarts(sim: Sim, count: number): Promise<void> {
  for (let crashes = count; crashes > 0; crashes--) await startAndCrash(sim);
}

function crash(sim: Sim): void {
  const isPower = sim.random.chance(0.7);
  sim.note(isPower ? "power loss" : "kill");
  if (isPower) sim.node.losePower();
  else sim.node.kill();
  sim.watch.restarted();
}

async function startAndCrash(sim: Sim): Promise<void> {
  const starting = sim.node.start().then(
    () => undefined,
    (error: unknown) => {
      if (!(error instanceof ProcessEnded)) throw error;
    },
  );
  const [, syncMs] = sim.node.disk.faults.slowSyncMs;
  await sim.rest(0, START_MS + (START_SYNCS * syncMs) / 2);
  crash(sim);
  await starting;
}
