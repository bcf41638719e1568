import { ProcessEnded } from "@tidemq/server/testing/sim-broker.ts";
import type { Scenario } from "../scenario.ts";

/** The process is killed, or the power fails, while it starts: again and again, before it gets as far as listening. */
export const scenario: Scenario = {
  name: "crash-in-start",
  async run(sim) {
    if (sim.random.chance(0.3)) await startAndCrash(sim); // the very first start
    await sim.start();
    await sim.load.begin();
    for (let rounds = sim.random.between(1, 3); rounds > 0; rounds--) {
      await sim.rest(1, 1_000);
      crash(sim);
      for (let crashes = sim.random.between(1, 4); crashes > 0; crashes--) await startAndCrash(sim);
      await sim.start();
    }
    await sim.rest(0, 500);
    await sim.finish();
  },
};

type Sim = Parameters<Scenario["run"]>[0];

function crash(sim: Sim): void {
  const isPower = sim.random.chance(0.5);
  sim.note(isPower ? "power loss" : "kill");
  if (isPower) sim.node.losePower();
  else sim.node.kill();
}

/** A start takes some ten milliseconds. */
async function startAndCrash(sim: Sim): Promise<void> {
  const starting = sim.node.start().then(
    () => undefined,
    (error: unknown) => {
      if (!(error instanceof ProcessEnded)) throw error;
    },
  );
  await sim.rest(0, sim.random.pick([2, 8, 30]));
  crash(sim);
  await starting;
  sim.watch.restarted();
}
