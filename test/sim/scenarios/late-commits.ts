import type { ObjectId } from "@tidemq/server/model/object-id.ts";
import type { ObjectRange } from "@tidemq/server/model/object-range.ts";
import { NODE_ID } from "@tidemq/server/process/control/local-control.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** One process of the broker: what it was given, and what it has uploaded. */
type Life = Readonly<{ brokerEpoch: number; ranges: ObjectRange[] }>;

/** Behind the numbers of all objects that this process makes. */
const SEQUENCE = 1_000_000_000;

/**
 * Uploaders that were held up ask for their commits late: for what is committed already, in the name of a process or of a
 * leader that is no more, at a place where nobody is waiting. The first get their old answer, the others move nothing.
 */
export const scenario: Scenario = {
  name: "late-commits",
  async run(sim) {
    sim.configure({ uploadAgeMs: 300, uploadBytes: 32 * 1024 });
    await sim.start();
    const lives = [begun(sim)];
    await sim.load.begin();
    for (let rounds = sim.random.between(2, 5); rounds > 0; rounds--) {
      await sim.rest(200, 800);
      for (let count = sim.random.between(2, 10); count > 0; count--) await commitLate(sim, lives);
      if (sim.random.chance(0.3)) continue;
      sim.note("kill");
      sim.node.kill();
      await sim.start();
      lives.push(begun(sim));
      checkEpochs(lives);
    }
    await sim.finish();
  },
};

function begun(sim: Sim): Life {
  const life = { brokerEpoch: brokerEpoch(sim), ranges: [] as ObjectRange[] };
  sim.broker.uploader.observe(({ accepted }) => life.ranges.push(...accepted.filter(({ object }) => object !== undefined)));
  return life;
}

function brokerEpoch(sim: Sim): number {
  return sim.broker.controller.state.brokers.get(NODE_ID)?.epoch ?? 0;
}

function checkEpochs(lives: readonly Life[]): void {
  const [before, now] = lives.slice(-2);
  check((now?.brokerEpoch ?? 0) > (before?.brokerEpoch ?? 0), "epochs", () => `broker epoch ${now?.brokerEpoch} is given twice`);
}

async function commitLate(sim: Sim, lives: readonly Life[]): Promise<void> {
  const life = sim.random.pick(lives);
  if (life.ranges.length === 0) return;
  const range = sim.random.pick(life.ranges);
  const { state } = sim.broker.controller;
  const partition = state.partitions.get(range.partitionId);
  if (partition === undefined) return;
  const current = { brokerEpoch: brokerEpoch(sim), leaderEpoch: partition.leaderEpoch };
  const isOld = life.brokerEpoch < current.brokerEpoch;
  check(!isOld || range.leaderEpoch < current.leaderEpoch, "epochs", () => `leader epoch ${range.leaderEpoch} goes on in a later process`);
  const next = { ...range, startOffset: partition.uploadedEnd, endOffset: partition.uploadedEnd + 1 + sim.random.between(0, 100) };
  const own = newObject(sim, current.brokerEpoch);
  const kind = sim.random.pick(
    isOld ? (["again", "ahead", "behind", "process", "leader", "object"] as const) : (["again", "ahead", "behind"] as const),
  );
  sim.note(`a late commit: ${kind}`);
  switch (kind) {
    case "again":
      return again(sim, life, range);
    case "ahead":
      return refused(sim, current.brokerEpoch, { ...moved(next, sim.random.between(1_000, 5_000)), ...current, object: own });
    case "behind":
      return refused(sim, current.brokerEpoch, { ...range, leaderEpoch: current.leaderEpoch, object: own });
    case "process":
      return refused(sim, life.brokerEpoch, { ...next, object: newObject(sim, life.brokerEpoch) });
    case "leader":
      return refused(sim, current.brokerEpoch, { ...next, object: own });
    case "object":
      return refused(sim, current.brokerEpoch, { ...next, leaderEpoch: current.leaderEpoch, object: newObject(sim, life.brokerEpoch) });
  }
}

/** The index names it as long as it is in no manifest. */
async function again(sim: Sim, { brokerEpoch: epoch }: Life, range: ObjectRange): Promise<void> {
  const { accepted, isNamed } = await commit(sim, epoch, range);
  check(accepted === isNamed, "commits", () => `${place(range)} is in the index: ${isNamed}; asked again, it is accepted: ${accepted}`);
}

async function refused(sim: Sim, epoch: number, range: ObjectRange): Promise<void> {
  const { accepted } = await commit(sim, epoch, range);
  check(!accepted, "commits", () => `${place(range)} of broker epoch ${epoch}, object ${range.object?.brokerEpoch} is accepted`);
}

/** `isNamed`: in the state that judged it. */
async function commit(sim: Sim, epoch: number, range: ObjectRange): Promise<{ accepted: boolean; isNamed: boolean }> {
  const { controller } = sim.broker;
  const answer = await controller.submit({ kind: "commit-object", broker: NODE_ID, brokerEpoch: epoch, ranges: [range] });
  if (!("verdicts" in answer)) sim.fail("commits", `a commit is answered with ${JSON.stringify(answer)}`);
  const isNamed = controller.state.partitions.get(range.partitionId)?.ranges.has(range) === true;
  return { accepted: answer.verdicts[0]?.accepted === true, isNamed };
}

function newObject(sim: Sim, epoch: number): ObjectId {
  const random = Buffer.from(sim.random.bytes(8)).toString("hex");
  return { broker: NODE_ID, brokerEpoch: epoch, sequence: SEQUENCE + sim.random.between(0, 1_000_000), random };
}

function moved(range: ObjectRange, by: number): ObjectRange {
  return { ...range, startOffset: range.startOffset + by, endOffset: range.endOffset + by };
}

function place({ partitionId, startOffset, endOffset, leaderEpoch }: ObjectRange): string {
  return `partition ${partitionId} [${startOffset}, ${endOffset}) of leader epoch ${leaderEpoch}`;
}
