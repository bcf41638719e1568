import type { Partition } from "@tidemq/server/partition/partition.ts";
import { type AuditedBatch, auditBucket } from "@tidemq/server/testing/checkers/bucket-audit.ts";
import { bucketDifference } from "@tidemq/server/testing/checkers/bucket-contents.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { type Allowances, checkStoredLog, type StoredLog } from "@tidemq/server/testing/checkers/stored-log.ts";
import { HEALTHY_DISK } from "@tidemq/server/testing/sim-io/disk.ts";
import { HEALTHY_NETWORK } from "@tidemq/server/testing/sim-io/network.ts";
import { HEALTHY_OBJECT_STORE } from "@tidemq/server/testing/sim-io/object-store.ts";
import {
  COLLECTED_WITHIN_MS,
  hangsMs,
  lateMs,
  PROBE_WITHIN_MS,
  READ_WITHIN_MS,
  SETTLED_WITHIN_MS,
  UPLOADED_WITHIN_MS,
  within,
} from "./liveness.ts";
import { readStoredLog } from "./read-log.ts";
import type { Sim } from "./sim.ts";
import type { SimRun } from "./sim-run.ts";

export type FinishOptions = Allowances &
  Readonly<{
    /** What happens to the process before everything is read for the last time; one of the first four by chance when absent. */
    restart?: "none" | "stop" | "kill" | "power";
    /** False: something in the bucket was destroyed on purpose. */
    audit?: boolean;
    /** A person gives up what is damaged before the last reading; `before`: has done so. */
    acceptLoss?: boolean | "before";
  }>;

const COLLECT_MS = 2_000;
/** When nobody wants anything: this long to come to rest, then nothing for so long. */
const CALM_MS = 5_000;
const IDLE_MS = 20_000;
const IDLE_WAKES_PER_S = 5;

/** The end of every run. @throws {CheckFailure} */
export async function finish(sim: Sim, options: FinishOptions): Promise<void> {
  heal(sim);
  if (!sim.node.isUp) await sim.start();
  await within(sim, SETTLED_WITHIN_MS, "clients come to an end", sim.load.end());
  await within(sim, PROBE_WITHIN_MS, "every partition takes a record", probe(sim));
  await within(sim, UPLOADED_WITHIN_MS, "everything is uploaded", uploaded(sim));
  if (options.acceptLoss === true) await within(sim, READ_WITHIN_MS, "a loss is accepted", acceptLosses(sim));
  await restart(sim, options.restart ?? sim.random.pick(["none", "stop", "kill", "power"] as const));
  await sim.sleep(hangsMs(sim, sim.node.bucket));
  const logs = await within(sim, READ_WITHIN_MS, "everything is read", readAll(sim, options));
  for (const log of logs) checkStoredLog(sim.history, log, options);
  if (options.audit !== false)
    await within(sim, READ_WITHIN_MS, "the bucket is read", audit(sim, logs, options.mayBeDamaged !== undefined));
  if (options.audit !== false) await within(sim, COLLECTED_WITHIN_MS, "the bucket holds what is named, and nothing else", collected(sim));
  await within(sim, COLLECTED_WITHIN_MS, "collections come to rest", collectorRests(sim));
  await idle(sim);
  await within(sim, PROBE_WITHIN_MS, "a clean stop", sim.node.stop());
  sim.stopWatching();
}

/** No fault from now on. */
function heal(sim: Sim): void {
  sim.note("faults stop");
  Object.assign(sim.node.disk.faults, HEALTHY_DISK);
  Object.assign(sim.node.network.faults, HEALTHY_NETWORK);
  Object.assign(sim.node.bucket.faults, HEALTHY_OBJECT_STORE);
  sim.mayDie = () => false;
}

/** Every partition takes a record. */
export async function probe(sim: SimRun): Promise<void> {
  if (sim.load.targets.length === 0) return;
  const actor = sim.load.addProducer("probe", true);
  actor.stop();
  await Promise.all(sim.load.targets.map((target) => actor.send(target)));
  for (const sent of actor.sender.sent)
    check(sent.state !== "failed", "liveness", () => `a record is refused: ${sent.partition} ${sent.error}`);
}

async function uploaded(sim: Sim): Promise<void> {
  const pending = () => [...sim.broker.partitions.all()].filter((partition) => partition.uploadedEnd < partition.highWatermark);
  while (pending().length > 0) await sim.sleep(100);
}

/** Whatever is answered as damaged: a person reads the offsets in the error and gives them up. */
async function acceptLosses(sim: Sim): Promise<void> {
  for (const target of sim.load.targets) {
    const { holes } = await readStoredLog(sim.load.client(), target);
    const id = sim.broker.partitions.byName(target.topic, target.partition)?.identity.id;
    if (id === undefined) sim.fail("damage", `${target.topic}-${target.partition} is gone`);
    for (const { from, to } of holes) await sim.broker.controller.acceptLoss(id, from, to);
    if (holes.length > 0) sim.note(`accepted in ${target.topic}-${target.partition}: ${JSON.stringify(holes)}`);
  }
}

async function restart(sim: Sim, how: NonNullable<FinishOptions["restart"]>): Promise<void> {
  sim.note(`before the last reading: ${how}`);
  if (how === "none") return;
  if (how === "stop") await within(sim, PROBE_WITHIN_MS, "a clean stop", sim.node.stop());
  else if (how === "kill") sim.node.kill();
  else sim.node.losePower();
  await within(sim, PROBE_WITHIN_MS, "a start", sim.start());
}

async function readAll(sim: Sim, { acceptLoss = false }: FinishOptions): Promise<StoredLog[]> {
  const client = sim.load.client();
  const logs: StoredLog[] = [];
  for (const target of sim.load.targets) logs.push(await readStoredLog(client, target, acceptLoss !== false));
  return logs;
}

/** What lies in the bucket is what was read. */
async function audit(sim: Sim, logs: readonly StoredLog[], mayBeDamaged: boolean): Promise<void> {
  const ends = new Map(logs.map(({ partition, end }) => [partition, end]));
  const visit = ({ name: partition }: Partition, { endOffset }: AuditedBatch): void => {
    const end = ends.get(partition);
    check(end === undefined || endOffset <= end, "bucket", () => `${partition}: a batch up to ${endOffset} above the end ${end}`);
  };
  const batches = await auditBucket(sim.broker, visit, mayBeDamaged);
  sim.say(`audited ${batches} batches in the bucket`);
}

/** What is named is there from now on; what is not goes, once it is asked for. */
async function collected(sim: Sim): Promise<void> {
  for (;;) {
    sim.broker.collector.ask();
    await sim.sleep(COLLECT_MS);
    const { dead, missing } = bucketDifference(sim.broker.controller.state, sim.node.bucket);
    check(missing.length === 0, "bucket", () => `named and not there: ${missing.join(", ")}`);
    if (dead.length === 0) return;
  }
}

async function collectorRests(sim: Sim): Promise<void> {
  while (!sim.broker.collector.isSettled) await sim.sleep(COLLECT_MS);
}

async function idle(sim: Sim): Promise<void> {
  const { node, world } = sim;
  sim.load.disconnect();
  sim.stopWatching();
  await sim.sleep(Math.max(CALM_MS, lateMs(sim, node.bucket), sim.load.calmMs));
  const before = { writes: node.disk.counts.writes, puts: node.bucket.counts.puts, events: world.eventsRun };
  await sim.sleep(IDLE_MS);
  check(node.disk.counts.writes === before.writes, "idle", () => `${node.disk.counts.writes - before.writes} writes of an idle node`);
  check(node.bucket.counts.puts === before.puts, "idle", "an idle node made an object");
  const wakesPerS = (world.eventsRun - before.events) / (IDLE_MS / 1000);
  check(wakesPerS < IDLE_WAKES_PER_S, "idle", () => `an idle node wakes ${wakesPerS} times a second`);
}
