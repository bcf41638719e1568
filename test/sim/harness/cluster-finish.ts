import { must } from "@tidemq/server/base/assert.ts";
import type { PartitionState } from "@tidemq/server/cluster/cluster-state.ts";
import { keptHash } from "@tidemq/server/cluster/state-hash.ts";
import { HEARTBEAT_MS } from "@tidemq/server/controller/limits.ts";
import { MetadataKeys, parseHeadKey } from "@tidemq/server/metadata-log/object/keys.ts";
import type { Partition } from "@tidemq/server/partition/partition.ts";
import { type AuditedBatch, auditBucket } from "@tidemq/server/testing/checkers/bucket-audit.ts";
import { bucketDifference } from "@tidemq/server/testing/checkers/bucket-contents.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { checkControlLog } from "@tidemq/server/testing/checkers/control-log.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import { checkReplicaCommands } from "@tidemq/server/testing/checkers/replica-commands.ts";
import { checkStoredLog, type StoredLog } from "@tidemq/server/testing/checkers/stored-log.ts";
import { CLUSTER_ID } from "@tidemq/server/testing/controller-cluster.ts";
import { HEALTHY_DISK } from "@tidemq/server/testing/sim-io/disk.ts";
import { HEALTHY_NETWORK } from "@tidemq/server/testing/sim-io/network.ts";
import { HEALTHY_OBJECT_STORE } from "@tidemq/server/testing/sim-io/object-store.ts";
import { HEALTHY_PEERS } from "@tidemq/server/testing/sim-io/peer-transport.ts";
import type { ClusterSim, Machine } from "./cluster-sim.ts";
import { probe } from "./finish.ts";
import {
  COLLECTED_WITHIN_MS,
  EQUAL_WITHIN_MS,
  hangsMs,
  lateMs,
  PROBE_WITHIN_MS,
  READ_WITHIN_MS,
  READABLE_WITHIN_MS,
  READY_WITHIN_MS,
  SETTLED_WITHIN_MS,
  UPLOADED_WITHIN_MS,
  WHOLE_WITHIN_MS,
  within,
} from "./liveness.ts";
import { readStoredLog } from "./read-log.ts";

export type ClusterFinishOptions = Readonly<{
  /** What happens to all processes before everything is read for the last time; by chance when absent. */
  restart?: "none" | "brokers" | "controllers" | "everything";
}>;

/** Nothing goes wrong for so long, and longer in a few runs: nobody is fenced, and nobody claims. */
const QUIET_MS = 20_000;
const LONG_QUIET_MS = 70_000;
const LONG_QUIET_RATIO = 0.1;
const LOOK_MS = 100;
/** What a heartbeat may take. */
const HEARD_SLACK_MS = 400;
const COLLECT_MS = 2_000;

/** The end of every run of a cluster. @throws {CheckFailure} */
export async function finishCluster(sim: ClusterSim, options: ClusterFinishOptions): Promise<void> {
  heal(sim);
  const readableWithinMs = READABLE_WITHIN_MS + hangsMs(sim, sim.control.bucket);
  const isReady = within(sim, READY_WITHIN_MS, "every broker is ready", allReady(sim));
  await within(sim, readableWithinMs, "what was acknowledged can be read", readable(sim));
  await isReady;
  await within(sim, SETTLED_WITHIN_MS, "clients come to an end", sim.load.end());
  await within(sim, PROBE_WITHIN_MS, "every partition takes a record", probe(sim));
  await within(sim, WHOLE_WITHIN_MS, "every replica is in sync, and every move complete", whole(sim));
  await within(sim, UPLOADED_WITHIN_MS, "everything is uploaded", uploaded(sim));
  await restart(sim, options.restart ?? sim.random.pick(["none", "brokers", "controllers", "everything"] as const));
  await sim.sleep(hangsMs(sim, sim.control.bucket));
  const logs = await within(sim, READ_WITHIN_MS, "everything is read", readAll(sim));
  for (const log of logs) {
    checkStoredLog(sim.history, log, {});
    const told = sim.history.highestMark(log.partition);
    check(log.end >= told, "marks", () => `${log.partition} ends at ${log.end}, and was told to be committed up to ${told}`);
  }
  await within(sim, READ_WITHIN_MS, "the bucket is read", audit(sim, logs));
  const quietFromMs = sim.world.nowMs;
  const quietMs = sim.random.chance(LONG_QUIET_RATIO) ? LONG_QUIET_MS : QUIET_MS;
  await sim.sleep(Math.max(quietMs, lateMs(sim, sim.control.bucket)));
  await within(sim, COLLECTED_WITHIN_MS, "the bucket holds what is named, and nothing else", collected(sim));
  await within(sim, EQUAL_WITHIN_MS, "everybody knows the same", equal(sim));
  sim.stopWatching();
  checkFollowed(sim);
  sim.folds.look(sim.brokers);
  await within(sim, READ_WITHIN_MS, "every replica is read", sim.replicas.lookAtAll(sim.brokers, sim.damageAllowed));
  sim.say(`folds were compared ${sim.folds.compared} times, batches ${sim.replicas.comparisons} times`);
  sim.load.disconnect();
  await checkLog(sim, quietFromMs);
}

async function checkLog({ control, gone }: ClusterSim, quietFromMs: number): Promise<void> {
  const { bucket, history } = control;
  const keys = new MetadataKeys(CLUSTER_ID);
  const { newestIndex } = history;
  const entries = await control.readLog();
  check(entries.length >= newestIndex, "history", () => `the log ends at index ${entries.length}, and ${newestIndex} was applied`);
  history.checkLog(CLUSTER_ID, entries);
  const storedAtMs = (index: number): number => must(bucket.object(keys.entry(index)), "a batch that was read").storedAtMs;
  const timed = entries.map((entry) => ({ entry, storedAtMs: storedAtMs(entry.index) }));
  checkControlLog(CLUSTER_ID, timed, quietFromMs, gone);
  checkReplicaCommands(CLUSTER_ID, entries);
  const heads = bucket.keys().flatMap((key) => parseHeadKey(key)?.index ?? []);
  check(new Set(heads).size === heads.length, "snapshots", () => `one index has several snapshots: ${heads.join(", ")}`);
}

/** No fault from now on, and every process runs. */
function heal(sim: ClusterSim): void {
  sim.note("faults stop");
  const { bucket, peers, nodes } = sim.control;
  sim.control.stopSubmitting();
  Object.assign(bucket.faults, HEALTHY_OBJECT_STORE);
  Object.assign(peers.faults, HEALTHY_PEERS);
  Object.assign(sim.network.faults, HEALTHY_NETWORK);
  for (const { node } of sim.machines) Object.assign(node.disk.faults, HEALTHY_DISK);
  sim.clocks.right();
  sim.world.busyMs.clear();
  const hosts = [...nodes.map(({ name }) => name), ...sim.machines.map(({ node }) => node.address.host)];
  for (const from of hosts) for (const to of hosts) peers.heal(from, to);
  for (const controller of nodes) {
    controller.isCut = false;
    if (controller.process === undefined) controller.start();
  }
}

/** Starts what is down, as often as it takes. */
export async function allReady(sim: ClusterSim): Promise<void> {
  const isReady = ({ node }: Machine): boolean =>
    node.broker?.control.problem === undefined && node.broker?.controller.state.brokers.get(node.id)?.fenced === false;
  while (!sim.machines.every(isReady)) {
    for (const machine of sim.machines) if (!machine.node.isUp) void sim.start(machine);
    await sim.sleep(LOOK_MS);
  }
}

/** By whoever leads: a broker may have gone to one that only believes so, and is not heard meanwhile. */
export async function allHeard(sim: ClusterSim): Promise<void> {
  const isHeard = (): boolean => {
    const [leader, other] = sim.control.leaders;
    if (leader?.node === undefined || leader.process === undefined || other !== undefined) return false;
    const { fencing } = leader.node;
    const sinceMs = leader.process.clock.monotonicMs() - HEARTBEAT_MS - HEARD_SLACK_MS;
    return sim.machines.every(({ node }) => (fencing.session(node.id)?.heardMs ?? Number.NEGATIVE_INFINITY) > sinceMs);
  };
  while (!isHeard()) await sim.sleep(10);
}

/** What was acknowledged until now: whoever leads serves it. */
async function readable(sim: ClusterSim): Promise<void> {
  const wanted = sim.load.targets.map(({ topic, partition }) => {
    const end = sim.history.acknowledgedEnd(partitionKey(topic, partition));
    return { topic, partition, end };
  });
  const isReadable = ({ topic, partition, end }: (typeof wanted)[number]): boolean => {
    const state = sim.newestState?.partition(topic, partition);
    const leader = sim.brokers.find(({ nodeId }) => nodeId === state?.leader);
    if (state === undefined || leader === undefined) return false;
    for (const { identity, leaderEpoch, isEndKnown, highWatermark } of leader.partitions.all())
      if (identity.id === state.id) return leaderEpoch === state.leaderEpoch && isEndKnown && highWatermark >= end;
    return false;
  };
  while (!wanted.every(isReadable)) await sim.sleep(LOOK_MS);
}

/** Every replica is in sync where it is to be. */
export async function whole(sim: ClusterSim): Promise<void> {
  const isWhole = ({ replicas, inSync, reassignment }: PartitionState): boolean =>
    reassignment === undefined && inSync.length === replicas.length;
  for (;;) {
    const state = sim.control.leaders[0]?.controller?.state;
    if (state !== undefined && [...state.partitions.values()].every(isWhole)) return;
    await sim.sleep(LOOK_MS);
  }
}

async function uploaded(sim: ClusterSim): Promise<void> {
  const isPending = (): boolean =>
    sim.brokers.some(({ partitions }) => [...partitions.all()].some(({ uploadedEnd, highWatermark }) => uploadedEnd < highWatermark));
  while (isPending()) await sim.sleep(LOOK_MS);
}

async function restart(sim: ClusterSim, how: NonNullable<ClusterFinishOptions["restart"]>): Promise<void> {
  sim.note(`before the last reading: ${how}`);
  if (how === "controllers" || how === "everything")
    for (const controller of sim.control.nodes) {
      controller.kill();
      controller.start();
    }
  if (how === "brokers" || how === "everything")
    for (const { node } of sim.machines) sim.random.pick([() => node.kill(), () => node.losePower()])();
  await within(sim, READY_WITHIN_MS, "every broker is ready again", allReady(sim));
  // Until a new controller has heard from it, what a broker says of itself is as it was before.
  await within(sim, READY_WITHIN_MS, "one controller hears everybody", allHeard(sim));
}

async function readAll(sim: ClusterSim): Promise<StoredLog[]> {
  const client = sim.load.client();
  const logs: StoredLog[] = [];
  for (const target of sim.load.targets) logs.push(await readStoredLog(client, target, false));
  return logs;
}

/** What lies in the bucket is what was read. */
async function audit(sim: ClusterSim, logs: readonly StoredLog[]): Promise<void> {
  const ends = new Map(logs.map(({ partition, end }) => [partition, end]));
  for (const broker of sim.brokers) {
    const visit = (partition: Partition, { endOffset, bytes }: AuditedBatch): void => {
      const { name } = partition;
      const end = ends.get(name);
      check(end === undefined || endOffset <= end, "bucket", () => `${name}: a batch up to ${endOffset} above the end ${end}`);
      sim.replicas.stored(partition, bytes, "the bucket");
    };
    await auditBucket(broker, visit, false);
  }
}

/** What is named is there from now on; what is not goes, once it is asked for. */
async function collected(sim: ClusterSim): Promise<void> {
  for (;;) {
    for (const broker of sim.brokers) broker.collector.ask();
    await sim.sleep(COLLECT_MS);
    const [leader] = sim.control.leaders;
    if (leader?.controller === undefined) continue;
    const { dead, missing } = bucketDifference(leader.controller.state, sim.control.bucket);
    check(missing.length === 0, "bucket", () => `named and not there: ${missing.join(", ")}`);
    if (dead.length === 0) return;
  }
}

/** Who leads looks after followers of exactly what has any. */
function checkFollowed({ brokers }: ClusterSim): void {
  for (const { nodeId, controller, replicator } of brokers) {
    const all = [...controller.state.partitions.values()];
    const ids = all.filter(({ leader, replicas }) => leader === nodeId && replicas.length > 1).map(({ id }) => id);
    const known = [...must(replicator, "the replicator of a broker of several").ledIds()].sort((a, b) => a - b);
    const what = (): string => `broker ${nodeId} looks after followers of ${known.join()}, and leads ${ids.join()} with some`;
    check(known.join() === ids.join(), "in-sync", what);
  }
}

/** One controller leads, and every broker knows the same as it does of what the broker keeps, at the same index. */
async function equal(sim: ClusterSim): Promise<void> {
  for (;;) {
    const { leaders } = sim.control;
    const whole = leaders[0]?.controller?.state;
    const states = sim.brokers.map(({ controller }) => controller.state);
    if (leaders.length === 1 && whole !== undefined && states.every(({ index, wanted }) => index === whole.index && wanted.size === 0)) {
      for (const { node } of sim.machines) {
        const known = node.broker === undefined ? "" : keptHash(node.broker.controller.state, node.id);
        check(known === keptHash(whole, node.id), "history", () => `broker ${node.id} has the same index, and not the same state`);
      }
      return;
    }
    await sim.sleep(7);
  }
}
