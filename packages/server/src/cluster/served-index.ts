import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { must } from "../base/assert.ts";
import { type ClusterState, isKept, NO_INDEX, type PartitionState } from "./cluster-state.ts";
import type { Effect } from "./effects.ts";
import { referObject, releaseObjects } from "./object-table.ts";
import { type ObjectState, RangeList } from "./range-list.ts";
import { CHUNK_VERSIONS } from "./snapshot-chunks.ts";
import { readObject, readPartition, writeObject, writePartition } from "./state-codec.ts";

// docs/rfcs/0010-index-of-served-partitions.md: the state of one broker, when its replicas change.

/** The indexes of some partitions, as entries of a snapshot (docs/formats/snapshot.md): of objects, and of partitions in this version. */
export type Indexes = Readonly<{ version: number; objects: Uint8Array; partitions: Uint8Array }>;

/** Where the broker of this state has become a replica, its index is wanted; where it is none any more, it is dropped. */
export function followReplicas(state: ClusterState, partition: PartitionState): void {
  if (state.keptBy === undefined) return;
  const serves = partition.replicas.includes(state.keptBy);
  if (serves && !isKept(partition)) state.wanted.add(partition.id);
  if (serves) return;
  state.wanted.delete(partition.id);
  releaseObjects(state, partition.ranges.removeFirst(partition.ranges.count));
  Object.assign(partition, NO_INDEX);
}

/** Of a whole state. Partitions that do not exist are left out. */
export function encodeIndexes(state: ClusterState, partitionIds: readonly number[]): Indexes {
  const found = partitionIds.flatMap((id) => state.partitions.get(id) ?? []);
  const [objects, partitions] = [new ByteWriter(), new ByteWriter()];
  for (const object of objectsOf(found)) writeObject(objects, object);
  for (const partition of found) writePartition(partitions, partition);
  return { version: CHUNK_VERSIONS.partitions, objects: objects.finish(), partitions: partitions.finish() };
}

function objectsOf(partitions: readonly PartitionState[]): Set<ObjectState> {
  const objects = new Set<ObjectState>();
  for (const { ranges } of partitions)
    for (let at = 0; at < ranges.count; at += 1) {
      const object = ranges.objectAt(at);
      if (object !== undefined) objects.add(object);
    }
  return objects;
}

/**
 * Into a state of one broker, at exactly the index that the whole state had: from there on it applies what changes them. What is not wanted,
 * any more, is passed over.
 * @throws {ProtocolError} It is no index.
 */
export function enterIndexes(state: ClusterState, { version, objects, partitions }: Indexes, effects: Effect[]): void {
  const named = new Map<number, ObjectState>();
  for (const reader = new ByteReader(objects); reader.remaining > 0; ) {
    const object = readObject(reader);
    named.set(object.number, object);
  }
  const context = {
    topicOf: (id: string) => state.topicsById.get(id),
    objectOf: (number: number) => named.get(number),
    keptBy: undefined,
  };
  const told: PartitionState[] = [];
  for (const reader = new ByteReader(partitions); reader.remaining > 0; ) told.push(readPartition(reader, version, context));
  for (const partition of told) if (state.wanted.delete(partition.id)) enter(state, partition, effects);
}

/** Objects get numbers of this state: the others are of who told. */
function enter(
  state: ClusterState,
  { id, logStart, uploadedEnd, acceptedLosses, manifest, ranges: told }: PartitionState,
  effects: Effect[],
): void {
  const ranges = new RangeList(id);
  ranges.reserve(told.count);
  for (const range of told.all()) {
    const { object, objectBytes } = range;
    ranges.append(range, object === undefined ? undefined : referObject(state, object, objectBytes));
  }
  Object.assign(must(state.partitions.get(id), "a partition that is wanted"), { logStart, uploadedEnd, acceptedLosses, manifest, ranges });
  effects.push({ kind: "index-kept", partitionId: id });
}
