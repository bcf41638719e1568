import { QueueError } from "@tidemq/server/base/errors.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** Sort in front of every cluster's keys, and behind. */
const FOREIGN_KEYS = [
  "-/data/1/1/000000000001-0123456789abcdef.records",
  "zzzzzzzzzzzzzzzzzzzzzzz/data/1/1/000000000001-0123456789abcdef.records",
];

/** Somebody puts a folder beside the wrong bucket: the start is refused, names what is foreign, and writes nothing there. */
export const scenario: Scenario = {
  name: "foreign-bucket",
  async run(sim) {
    await sim.start();
    await sim.load.begin();
    for (let rounds = sim.random.between(1, 3); rounds > 0; rounds--) {
      await sim.rest(100, 1_000);
      if (sim.random.chance(0.5)) await sim.node.stop();
      else sim.node.kill();
      await sim.sleep(1_000); // what was under way has arrived
      await refused(sim, sim.random.pick(FOREIGN_KEYS));
      await sim.start();
    }
    await sim.finish();
  },
};

async function refused(sim: Sim, foreign: string): Promise<void> {
  const { bucket } = sim.node;
  bucket.overwrite(foreign, Buffer.from("not ours"));
  const before = bucket.keys().length;
  const error = await sim.node.start().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  check(error instanceof QueueError && error.code === "START_REFUSED", "foreign", () => `the start beside ${foreign}: ${String(error)}`);
  check(error.message.includes(foreign), "foreign", () => `what is foreign is not named: ${error.message}`);
  check(bucket.keys().length === before, "foreign", "something was written to another cluster's bucket");
  bucket.remove(foreign);
}
