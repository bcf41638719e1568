import { formatBytes } from "../../base/units.ts";
import { type ClusterState, isKept } from "../../cluster/cluster-state.ts";
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
  partitions: Readonly<{ total: number; online: number; offline: number; damaged: readonly Damage[]; lost: readonly LostLog[] }>;
}>;

export function healthOf(broker: Broker): Health {
  const { controller, control, partitions, wal, uploader, config } = broker;
  const { state } = controller;
  const { usedBytes, capacityBytes, roomBytes, isShort } = wal.occupancy();
  const storeError = storeErrorOf(broker);
  const { damage } = broker;
  const lost = lostLogsOf(broker);
  const total = replicasHere(state, broker.nodeId);
  const offline = total - partitions.count;
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
  if (offline > lost.length) problems.push(`${offline - lost.length} partitions are offline until object storage can be read`);
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
    partitions: { total, online: partitions.count, offline, damaged: damage, lost },
  };
}

/** Partitions of which this broker has a replica. */
export function replicasHere(state: ClusterState, broker: number): number {
  let count = 0;
  for (const { replicas } of state.partitions.values()) if (replicas.includes(broker)) count += 1;
  return count;
}

/** What uploads met last, or whoever asked object storage for anything else. */
function storeErrorOf({ uploader, bucket }: Broker): string | undefined {
  const { failingSinceMs, lastError } = uploader.storeState;
  return failingSinceMs === undefined ? bucket.problem : (lastError ?? "no reason given");
}

/** Partitions whose log was lost, until it is back or somebody accepts the loss. */
function lostLogsOf({ controller: { state }, nodeId }: Broker): LostLog[] {
  const lost: LostLog[] = [];
  for (const partition of state.partitions.values()) {
    const { topic, index, inSync, replicas, uploadedEnd } = partition;
    if (inSync.length === 0 && replicas.includes(nodeId) && isKept(partition)) lost.push({ topic, partition: index, from: uploadedEnd });
  }
  return lost;
}
