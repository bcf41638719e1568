import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { flipBases } from "@tidemq/server/testing/wal/flipped-bases.ts";
import { RawProducer } from "../harness/raw-producer.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

type Batch = Readonly<{ records: Uint8Array; count: number; baseOffset: number }>;
type Remembered = Readonly<{ producer: RawProducer; batches: Batch[] }>;

/** As many as a broker remembers. */
const BATCHES_REMEMBERED = 5;
const DAY_MS = 86_400_000;
/** After the bucket is back. */
const SERVED_MS_MAX = 5_000;

/**
 * Many producers send batches again, over crashes, uploads and reused files: each of the last five is answered with its old
 * offset and not stored again; one that leaves a gap is refused, with offset -1.
 */
export const scenario: Scenario = {
  name: "duplicates",
  async run(sim) {
    await sim.start();
    await sim.load.begin({ producers: 2, plainProducers: 0, bytes: [500, 4_000] });
    const client = sim.load.client();
    const all: Remembered[] = [];
    for (let count = sim.random.between(5, 40); count > 0; count--) {
      const target = sim.random.pick(sim.load.targets);
      all.push({ producer: await RawProducer.open(sim, client, `raw-${count}`, target), batches: [] });
    }
    for (let rounds = sim.random.between(2, 5); rounds > 0; rounds--) {
      for (const one of all) await sendSome(sim, one);
      await sim.rest(0, 800);
      await maybeCrash(sim);
      if (sim.random.chance(0.4)) await jump(sim);
      for (const one of all) await repeat(sim, one);
    }
    for (const one of all) await comeBackOld(sim, one);
    for (const one of all) await leaveGap(one);
    await sim.finish();
  },
};

/** Days of the wall clock are no days of the log: nobody is forgotten. */
async function jump(sim: Sim): Promise<void> {
  const { process } = sim.node;
  sim.note("the wall clock jumps");
  process?.clock.jumpWall(3 * DAY_MS);
  await sim.sleep(100);
  process?.clock.jumpWall(-3 * DAY_MS);
}

/**
 * Half of the starts do without the bucket: what is known of producers lies in the log. Where it does not any more, its objects have it, and the
 * partition waits for them.
 */
async function maybeCrash(sim: Sim): Promise<void> {
  const { faults } = sim.node.bucket;
  const how = sim.random.pick(["kill", "power", "stop", "none"] as const);
  sim.note(how);
  if (how === "none") return;
  if (sim.random.chance(0.5)) faults.outage = "fails";
  if (sim.random.chance(0.4)) damageBases(sim);
  if (how === "kill") sim.node.kill();
  else if (how === "power") sim.node.losePower();
  else await sim.node.stop();
  await sim.start();
  faults.outage = "none";
  await allServed(sim);
}

async function allServed(sim: Sim): Promise<void> {
  const { partitions } = sim.broker;
  const isServed = (): boolean => sim.load.targets.every(({ topic, partition }) => partitions.byName(topic, partition) !== undefined);
  const untilMs = sim.world.nowMs + SERVED_MS_MAX;
  while (!isServed()) {
    check(sim.world.nowMs < untilMs, "availability", () => `not every partition is served ${SERVED_MS_MAX} ms after the bucket is back`);
    await sim.sleep(50);
  }
}

/** Damages what the log remembers of producers. */
function damageBases(sim: Sim): void {
  sim.damageAllowed = true;
  flipBases(sim.node.disk, () => sim.random.chance(0.5));
  sim.note("bases are damaged");
}

async function sendSome(sim: Sim, { producer, batches }: Remembered): Promise<void> {
  for (let count = sim.random.between(1, 3); count > 0; count--) {
    const records = sim.random.between(1, 4);
    const batch = producer.batch(records);
    const { errorCode, baseOffset } = await producer.send(batch);
    check(errorCode === ErrorCode.NONE, "duplicates", `the next batch is refused: error ${errorCode}`);
    producer.acked(records, baseOffset);
    batches.push({ records: batch, count: records, baseOffset });
    if (batches.length > BATCHES_REMEMBERED) batches.shift();
  }
}

async function repeat(sim: Sim, { producer, batches }: Remembered): Promise<void> {
  const { records, baseOffset } = sim.random.pick(batches);
  const again = await producer.send(records);
  check(again.errorCode === ErrorCode.NONE && again.baseOffset === baseOffset, "duplicates", () => {
    return `a batch stored at ${baseOffset} is answered with error ${again.errorCode}, offset ${again.baseOffset}`;
  });
}

/** A batch that was made before the producer got a new epoch arrives behind one of the new epoch. */
async function comeBackOld(sim: Sim, one: Remembered): Promise<void> {
  const { producer } = one;
  const late = producer.batch(1);
  producer.nextEpoch();
  await sendSome(sim, one);
  const answer = await producer.send(late);
  check(answer.errorCode === ErrorCode.INVALID_PRODUCER_EPOCH, "duplicates", `an old epoch is answered with error ${answer.errorCode}`);
  check(answer.baseOffset === -1, "duplicates", `a refused batch is answered with offset ${answer.baseOffset}`);
}

/** The batch in front of it is never sent. */
async function leaveGap({ producer }: Remembered): Promise<void> {
  producer.batch(1);
  const answer = await producer.send(producer.batch(1));
  check(answer.errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, "duplicates", `a gap is answered with error ${answer.errorCode}`);
  check(answer.baseOffset === -1, "duplicates", `a refused batch is answered with offset ${answer.baseOffset}`);
}
