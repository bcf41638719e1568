import type { Scenario } from "../scenario.ts";

/** Objects vanish from the bucket and come back: meanwhile what lay there fails and can be tried again; nothing is given up. */
export const scenario: Scenario = {
  name: "object-missing",
  async run(sim) {
    const { bucket } = sim.node;
    await sim.start();
    await sim.load.begin();
    await sim.rest(1_000, 3_000);
    const taken = new Map<string, Uint8Array>();
    for (const key of bucket.keys()) {
      const object = bucket.object(key);
      if (object === undefined || !sim.random.chance(0.4)) continue;
      taken.set(key, object.bytes);
      bucket.remove(key);
    }
    sim.note(`${taken.size} objects are gone`);
    await sim.rest(0, 1_500);
    if (sim.random.chance(0.5)) {
      sim.node.kill();
      await sim.start();
      await sim.rest(0, 500);
    }
    for (const [key, bytes] of taken) bucket.overwrite(key, bytes);
    sim.note("they are back");
    await sim.finish();
  },
};
