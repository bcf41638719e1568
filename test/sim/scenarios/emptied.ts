import { LogStartWatch } from "../harness/log-start-watch.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

const EMPTY_WITHIN_MS = 180_000;
/** Without anything that only an hour would bring to light. */
const EMPTY_SOON_MS = 60_000;

/**
 * All topics are deleted, one after the other, while others are written to, under a bucket that answers late, twice or
 * wrongly, and with deaths of the process in between: in the end nothing is left in the bucket.
 */
export const scenario: Scenario = {
  name: "emptied",
  async run(sim) {
    sim.configure({ uploadBytes: 16 * 1024, uploadAgeMs: 100, retentionCheckMs: 500 });
    const watch = new LogStartWatch(sim);
    await sim.start();
    await sim.load.begin({ topics: 3, partitions: 2, producers: 2, plainProducers: 0, tailers: 0, scanners: 0, deliveryTimeoutMs: 3_000 });
    await sim.rest(500, 2_500);
    const client = sim.load.client();
    let isStale = false;
    while (sim.load.targets.length > 0) {
      const isLast = sim.load.targets.length === 2;
      if (isLast) await sim.load.end();
      isStale = faults(sim, isLast) || isStale;
      const topic = sim.load.targets[0]?.topic ?? "";
      sim.note(`delete ${topic}`);
      sim.load.targets.splice(0, 2);
      await client.admin.deleteTopic(topic);
      await sim.rest(isLast ? 1_500 : 0, 3_000);
      if (sim.random.chance(0.5)) await crash(sim);
    }
    Object.assign(sim.node.bucket.faults, { unavailableRatio: 0, unknownRatio: 0, listStaleMs: 0 });
    await empty(sim, isStale || sim.node.bucket.counts.lateCreates > 0);
    watch.stop();
    await sim.finish();
  },
};

/** Whether a LIST may be stale. */
function faults(sim: Sim, isLast: boolean): boolean {
  const listStaleMs = sim.random.pick([0, 0, 3_000]);
  Object.assign(sim.node.bucket.faults, {
    unavailableRatio: sim.random.pick([0, 0.2]),
    unknownRatio: isLast ? 0.5 : sim.random.pick([0, 0, 0.3]),
    unknownAfterMs: [10, 100],
    lateMs: [10, 3_000],
    listStaleMs,
  });
  return listStaleMs > 0;
}

async function crash(sim: Sim): Promise<void> {
  sim.note("kill");
  sim.node.kill();
  await sim.start();
}

/** @param isLate Something landed, or was listed, late: that is looked for every hour, or when somebody asks as here. */
async function empty(sim: Sim, isLate: boolean): Promise<void> {
  const untilMs = sim.world.nowMs + (isLate ? EMPTY_WITHIN_MS : EMPTY_SOON_MS);
  while (sim.node.bucket.keys().length > 0) {
    if (sim.world.nowMs > untilMs) sim.fail("emptied", `left in the bucket: ${sim.node.bucket.keys().join(", ")}`);
    await sim.sleep(1_000);
    if (isLate) sim.broker.collector.ask();
  }
}
