import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import { producerOf, sequenceOf } from "@tidemq/server/testing/checkers/payload.ts";
import type { ProducerActor } from "../harness/producer-actor.ts";
import { readStoredLog } from "../harness/read-log.ts";
import type { Sim } from "../harness/sim.ts";
import type { Target } from "../harness/target.ts";
import type { Scenario } from "../scenario.ts";

const NAME = "again";

/** A topic is deleted while producers write to it, and made anew under the same name: nothing of the old one comes back. */
export const scenario: Scenario = {
  name: "topic-churn",
  async run(sim) {
    await sim.start();
    await sim.load.begin({ topics: 1, producers: 2, plainProducers: 0 });
    let before: ProducerActor | undefined;
    for (let rounds = sim.random.between(2, 6); rounds > 0; rounds--) before = await round(sim, before);
    await sim.finish();
  },
};

async function round(sim: Sim, before: ProducerActor | undefined): Promise<ProducerActor> {
  const client = sim.load.client();
  const target: Target = { topic: NAME, partition: sim.random.between(0, 1) };
  await client.admin.createTopic({ name: NAME, partitions: 2, replicationFactor: 1 });
  const actor = sim.load.addProducer(`again ${sim.history.senders.length}`, true, [target]);
  await sim.rest(50, 600);
  if (sim.random.chance(0.3)) await crash(sim);
  await checkLog(sim, target, actor, before);
  if (sim.random.chance(0.7)) await sim.rest(0, 50);
  else actor.stop();
  sim.note(`delete ${NAME}`);
  await client.admin.deleteTopic(NAME);
  if (sim.random.chance(0.3)) await crash(sim);
  actor.stop();
  return actor;
}

async function crash(sim: Sim): Promise<void> {
  sim.note("kill");
  sim.node.kill();
  await sim.start();
}

/** What was acknowledged lies there; of earlier rounds at most what nobody acknowledged. */
async function checkLog(sim: Sim, target: Target, actor: ProducerActor, before: ProducerActor | undefined): Promise<void> {
  const acked = actor.sender.sent.filter((sent) => sent.state === "acked");
  const log = await readStoredLog(sim.load.client(), target);
  for (const sent of acked) {
    check(
      sent.offset < 0 || log.ids[sent.offset] === sent.id,
      "acknowledged",
      () => `${partitionKey(NAME, target.partition)}@${sent.offset}`,
    );
  }
  for (const id of log.ids) {
    if (id === undefined || producerOf(id) === actor.sender.number) continue;
    const sent = sim.history.senders[producerOf(id)]?.sent[sequenceOf(id)];
    check(
      before !== undefined && sent?.state !== "acked",
      "deleted-topics",
      () => `a record of a deleted topic is back: ${JSON.stringify(sent)}`,
    );
  }
}
