import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { idText, type RecordId } from "@tidemq/server/testing/checkers/payload.ts";
import { sentText } from "@tidemq/server/testing/checkers/stored-log.ts";
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
    const gone = new Set<RecordId>();
    for (let rounds = sim.random.between(2, 6); rounds > 0; rounds--) await round(sim, gone);
    await sim.finish();
  },
};

/** @param gone What was acknowledged of earlier topics of this name. */
async function round(sim: Sim, gone: Set<RecordId>): Promise<void> {
  const client = sim.load.client();
  const target: Target = { topic: NAME, partition: sim.random.between(0, 1) };
  await client.admin.createTopic({ name: NAME, partitions: 2, replicationFactor: 1 });
  const actor = sim.load.addProducer(`again ${sim.history.senders.length}`, true, [target]);
  await sim.rest(50, 600);
  if (sim.random.chance(0.3)) await crash(sim);
  await checkLog(sim, target, actor, gone);
  if (sim.random.chance(0.7)) await sim.rest(0, 50);
  else actor.stop();
  for (const sent of actor.sender.sent) if (sent.state === "acked") gone.add(sent.id);
  sim.note(`delete ${NAME}`);
  await client.admin.deleteTopic(NAME);
  if (sim.random.chance(0.3)) await crash(sim);
  actor.stop();
}

async function crash(sim: Sim): Promise<void> {
  sim.note("kill");
  sim.node.kill();
  await sim.start();
}

/** What was acknowledged lies there; nothing of earlier topics does (a record that nobody acknowledged then may be sent anew). */
async function checkLog(sim: Sim, target: Target, actor: ProducerActor, gone: ReadonlySet<RecordId>): Promise<void> {
  const acked = actor.sender.sent.filter((sent) => sent.state === "acked");
  const log = await readStoredLog(sim.load.client(), target);
  for (const sent of acked) {
    check(sent.offset < 0 || log.ids[sent.offset] === sent.id, "acknowledged", () => `${NAME}@${sent.offset}: ${sentText(sent)}`);
  }
  for (const id of log.ids) {
    check(id === undefined || !gone.has(id), "deleted-topics", () => `a record of a deleted topic is back: ${idText(id as number)}`);
  }
}
