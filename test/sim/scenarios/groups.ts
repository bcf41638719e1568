import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/**
 * Members of a group read on from what it committed, die and come back, while the broker is killed, stopped and loses power, and the bucket is
 * slow or away: no committed offset goes back, nothing is skipped, no generation has two leaders, none commits behind a newer one.
 */
export const scenario: Scenario = {
  name: "groups",
  async run(sim) {
    sim.configure({ sync: true });
    await sim.start();
    await sim.load.begin({ producers: 2, plainProducers: 0, tailers: 0, scanners: 0, bytes: [12, 800], pauseMs: [0, 150] });
    for (let groups = sim.random.between(1, 2); groups > 0; groups--) sim.load.addGroup(`group-${groups}`, sim.random.between(1, 5));
    for (let rounds = sim.random.between(2, 8); rounds > 0; rounds--) {
      await sim.rest(200, 9_000);
      await trouble(sim);
    }
    await sim.rest(0, 500);
    await sim.finish();
  },
};

async function trouble(sim: Sim): Promise<void> {
  const { disk, bucket } = sim.node;
  const what = sim.random.pick(["kill", "power", "stop", "slow disk", "outage", "nothing"] as const);
  sim.note(what);
  switch (what) {
    case "kill":
      sim.node.kill();
      break;
    case "power":
      sim.node.losePower();
      break;
    case "stop":
      await sim.node.stop();
      break;
    case "slow disk":
      disk.faults.syncMs = [1, 200];
      return;
    case "outage":
      bucket.faults.outage = sim.random.pick(["fails", "none"] as const);
      return;
    case "nothing":
      return;
    default:
      what satisfies never;
  }
  await sim.rest(0, 300);
  await sim.start();
}
