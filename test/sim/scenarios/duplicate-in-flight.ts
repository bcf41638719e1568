import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { RawProducer } from "../harness/raw-producer.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** A batch is sent again while its first sending is not synced yet: the second answer waits for the same sync as the first. */
export const scenario: Scenario = {
  name: "duplicate-in-flight",
  async run(sim) {
    sim.node.disk.faults.syncMs = [5, 60];
    sim.node.disk.faults.powerLoss = { keptRatio: 0.1, tornRatio: 0.2 };
    await sim.start();
    await sim.load.begin({ producers: 1, plainProducers: 0, pauseMs: [5, 50] });
    for (let rounds = sim.random.between(2, 6); rounds > 0; rounds--) await round(sim);
    await sim.finish();
  },
};

async function round(sim: Sim): Promise<void> {
  const target = sim.random.pick(sim.load.targets);
  const producer = await RawProducer.open(sim, sim.load.client(), `raw ${sim.history.senders.length}`, target);
  const records = sim.random.between(1, 5);
  const batch = producer.batch(records);
  const first = producer.send(batch).catch(() => undefined);
  await sim.rest(0.5, 3);
  const again = await producer.send(batch, sim.load.client());
  check(again.errorCode === ErrorCode.NONE, "duplicates", `a batch sent again is refused: error ${again.errorCode}`);
  producer.acked(records, again.baseOffset);
  if (sim.random.chance(0.7)) {
    sim.note("power loss");
    sim.node.losePower();
    await sim.start();
  }
  await first;
}
