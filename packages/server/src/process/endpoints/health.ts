import { formatBytes } from "../../base/units.ts";
import { type ClusterState, isKept, NO_LEADER } from "../../cluster/cluster-state.ts";
import { formatObjectStorage } from "../../config/option-types.ts";
import type { Broker } from "../broker/broker.ts";
import type { Damage } from "../broker/damage.ts";
import { SERVER_VERSION } from "../version.ts";

/** A partition that is offline since its log was lost; `from`: what lay at and above it in the log. */
export type LostLog = Readonly<{ topic: string; partition: number; from: number }>;

/** What `GET /health` answers, and `tidemq cluster health` shows. Bytes and milliseconds. */
export type Health = Readonly<{
  /** `ok`, or `degraded`: it serves, but something needs attention (see `problems`). */
  status: "ok" | "degraded";
  problems: readonly string[];
  version: string;
  clusterId: string;
  nodeId: number;
  uptimeMs: number;
  wal: Readonly<{ usedBytes: number; capacityBytes: number; synced: boolean }>;
  objectStorage: Readonly<{
    location: string;
    /** Objects that ranges of the partitions here lie in, beside those in manifests; an object that others share counts for each of them. */
    bytes: number;
    objects: number;
    state: "ok" | "failing";
    error: string | null;
    pendingBytes: number;
  }>;
  /** Of which this broker has a replica; `online`: those that it leads and serves, `followed`: those that another leads. */
  partitions: Readonly<{
    total: number;
    online: number;
    followed: number;
    offline: number;
    damaged: readonly Damage[];
    lost: readonly LostLog[];
  }>;
}>;

export function healthOf(broker: Broker): Health {
  const { controller, control, partitions, wal, uploader, config } = broker;
  const { state } = controller;
  const { usedBytes, capacityBytes, roomBytes, isShort } = wal.occupancy();
  const storeError = storeErrorOf(broker);
  const { damage } = broker;
  const lost = lostLogsOf(broker);
  const { total, followed, leaderless } = replicasHere(state, broker.nodeId);
  const offline = total - followed - partitions.count;
  const problems: string[] = [];
  if (storeError !== undefined) problems.push(`object storage fails: ${storeError}; writes go on until the write-ahead log is full`);
  if (broker.collector.problem !== undefined) problems.push(`objects of no use stay in object storage: ${broker.collector.problem}`);
  if (control.problem !== undefined) problems.push(control.problem);
  if (wal.sizeProblem !== undefined) {
    const sizes = `${formatBytes(capacityBytes)} instead of ${formatBytes(config.walCapacityBytes)}`;
    problems.push(`the write-ahead log has ${sizes} until there is room for its files; ${wal.sizeProblem}`);
  }
  if (wal.readProblem !== undefined)
    problems.push(`the disk fails to read the write-ahead log: ${wal.readProblem}; nothing is given up, whoever reads there tries again`);
  if (isShort)
    problems.push(`the write-ahead log is filling up: producers are slowed down, and refused after ${formatBytes(roomBytes)} more`);
  if (lost.length > 0)
    problems.push(`${lost.length} partitions are offline: their write-ahead log is not here; put it back and start again, or give it up`);
  const unled = leaderless - lost.length;
  if (unled > 0) problems.push(`${unled} partitions are offline: none of the brokers that have all their records is ready to lead`);
  if (offline > leaderless) problems.push(`${offline - leaderless} partitions are offline until object storage can be read`);
  if (damage.length > 0)
    problems.push(`${damage.length} ranges of offsets are damaged or missing; whoever reads there is answered with an error`);
  let objectBytes = 0;
  for (const object of state.objects.values()) objectBytes += object.objectBytes;
  return {
    status: problems.length === 0 ? "ok" : "degraded",
    problems,
    version: SERVER_VERSION,
    clusterId: broker.clusterId,
    nodeId: broker.nodeId,
    uptimeMs: Math.round(broker.uptimeMs),
    wal: { usedBytes, capacityBytes, synced: config.sync },
    objectStorage: {
      location: formatObjectStorage(config.objectStorage),
      bytes: objectBytes,
      objects: state.objects.size,
      state: storeError === undefined ? "ok" : "failing",
      error: storeError ?? null,
      pendingBytes: uploader.pendingBytes,
    },
    partitions: { total, online: partitions.count, followed, offline, damaged: damage, lost },
  };
}

/** Partitions of which this broker has a replica; of them, those that another broker leads, and those that nobody does. */
export function replicasHere(state: ClusterState, broker: number): Readonly<{ total: number; followed: number; leaderless: number }> {
  let total = 0;
  let followed = 0;
  let leaderless = 0;
  for (const { replicas, leader } of state.partitions.values()) {
    if (!replicas.includes(broker)) continue;
    total += 1;
    if (leader === NO_LEADER) leaderless += 1;
    else if (leader !== broker) followed += 1;
  }
  return { total, followed, leaderless };
}

/** What uploads met last, or whoever asked object storage for anything else. */
function storeErrorOf({ uploader, bucket }: Broker): string | undefined {
  const { failingSinceMs, lastError } = uploader.storeState;
  return failingSinceMs === undefined ? bucket.problem : (lastError ?? "no reason given");
}

/** Partitions whose log was lost here, until it is back or somebody accepts the loss. */
function lostLogsOf({ controller: { state }, nodeId }: Broker): LostLog[] {
  const lost: LostLog[] = [];
  for (const partition of state.partitions.values()) {
    const { topic, index, inSync, lastInSync, uploadedEnd } = partition;
    const isLostHere = inSync.length === 0 && lastInSync?.broker === nodeId;
    if (isLostHere && isKept(partition)) lost.push({ topic, partition: index, from: uploadedEnd });
  }
  return lost;
}
