import type { ClusterState } from "../cluster/cluster-state.ts";
import { GROUPS_TOPIC } from "../coordinator/group-coordinator.ts";
import type { Clock } from "../io/clock.ts";
import type { Moved } from "../metadata-log/moved.ts";
import type { BrokerListener } from "../model/broker-listener.ts";
import type { MetadataSource, PlaceKind } from "./metadata-place.ts";
import { readWholeState } from "./whole-state.ts";

/** What a place of metadata holds. `null`: not known, or there is none. */
export type MetadataDescription = Readonly<{
  place: string;
  kind: PlaceKind;
  running: boolean | null;
  movedTo: Moved | null;
  clusterId: string;
  formats: Readonly<Record<string, number>>;
  firstIndex: number;
  newestIndex: number;
  snapshot: Readonly<{ index: number; bytes: number; ageMs: number | null }> | null;
  /** Behind the snapshot. */
  log: Readonly<{ batches: number; bytes: number }>;
  controller: Readonly<{ epoch: number; holder: string }>;
  brokers: readonly DescribedBroker[];
  counts: Readonly<{
    topics: number;
    internalTopics: number;
    partitions: number;
    groupPartitions: number;
    objects: number;
    ranges: number;
  }>;
  stateHash: string;
  /** Of a file: by the version that wrote it, where that hashes differently. */
  hashWhenWritten: string | null;
}>;

export type DescribedBroker = Readonly<{
  id: number;
  epoch: number;
  fenced: boolean;
  host: string;
  rack: string;
  listeners: readonly BrokerListener[];
}>;

/** Reads all of it, and changes nothing. @throws {QueueError} see `readWholeState`. */
export async function describeMetadata(source: MetadataSource, clock: Clock): Promise<MetadataDescription> {
  const { found, snapshotVersion, replayed, hash } = await readWholeState(source, clock);
  const { state, snapshotIndex, snapshotBytes, logBytes } = replayed;
  const ageMs = snapshotIndex === 0 ? undefined : await found.snapshotAgeMs(snapshotIndex);
  return {
    place: source.name,
    kind: source.kind,
    running: source.isRunning() ?? null,
    movedTo: found.moved ?? null,
    clusterId: found.clusterId,
    formats: snapshotVersion === undefined ? found.formats : { ...found.formats, snapshot: snapshotVersion },
    firstIndex: found.firstIndex,
    newestIndex: state.index,
    snapshot: snapshotIndex === 0 ? null : { index: snapshotIndex, bytes: snapshotBytes, ageMs: ageMs ?? null },
    log: { batches: state.index - snapshotIndex, bytes: logBytes },
    controller: { epoch: state.controllerEpoch, holder: state.controllerHolder },
    brokers: [...state.brokers.values()].map(({ id, epoch, fenced, host, rack, listeners }) => ({
      id,
      epoch,
      fenced,
      host,
      rack,
      listeners,
    })),
    counts: countsOf(state),
    stateHash: hash,
    hashWhenWritten: found.hashWhenWritten === undefined || found.hashWhenWritten === hash ? null : found.hashWhenWritten,
  };
}

function countsOf(state: ClusterState): MetadataDescription["counts"] {
  let ranges = 0;
  for (const partition of state.partitions.values()) ranges += partition.ranges.count;
  return {
    topics: state.topicsByName.size,
    internalTopics: state.internalTopics.size,
    partitions: state.partitions.size,
    groupPartitions: state.internalTopics.get(GROUPS_TOPIC)?.partitions.length ?? 0,
    objects: state.objects.size,
    ranges,
  };
}
