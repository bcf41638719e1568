import { assert } from "../../base/assert.ts";
import type { ClusterState, PartitionState } from "../../cluster/cluster-state.ts";
import { objectKey } from "../../model/object-id.ts";
import type { ManifestPointer, ObjectRange } from "../../model/object-range.ts";
import { decodeManifest } from "../../tier/manifest-codec.ts";
import type { SimObjectStore } from "../sim-io/object-store.ts";

/** What is found on the way down from a root: manifests that are not there have nothing below them. */
type Found = Readonly<{ manifests: string[]; ranges: ObjectRange[] }>;

function lookInto(state: ClusterState, bucket: SimObjectStore, pointer: ManifestPointer, logStart: number, found: Found): void {
  const key = objectKey(state.clusterId, pointer.object, "manifest");
  found.manifests.push(key);
  const stored = bucket.object(key);
  if (stored === undefined) return;
  const { children, ranges } = decodeManifest(stored.bytes, pointer, state.clusterId, key);
  for (const child of children) if (child.endOffset > logStart) lookInto(state, bucket, child, logStart, found);
  found.ranges.push(...ranges.filter(({ endOffset }) => endOffset > logStart));
}

/** Every range of a partition from the log's start on, those in manifests in front. */
export function readableRanges(state: ClusterState, bucket: SimObjectStore, partition: PartitionState): readonly ObjectRange[] {
  const { manifest, ranges, logStart } = partition;
  const found: Found = { manifests: [], ranges: [] };
  if (manifest !== undefined) lookInto(state, bucket, manifest, logStart, found);
  return [...found.ranges, ...ranges.all().filter(({ endOffset }) => endOffset > logStart)];
}

/**
 * The keys that the metadata names at this moment, as somebody would find them who can look at everything at once: ranges in
 * the state, manifests, and what manifests name at or above the log's start.
 */
export function namedKeys(state: ClusterState, bucket: SimObjectStore): ReadonlySet<string> {
  assert(state.keptBy === undefined, "a state of one broker does not name everything");
  const found: Found = { manifests: [], ranges: [] };
  for (const { ranges, manifest, logStart } of state.partitions.values()) {
    found.ranges.push(...ranges.all());
    if (manifest !== undefined) lookInto(state, bucket, manifest, logStart, found);
  }
  const records = found.ranges.flatMap(({ object }) => (object === undefined ? [] : [objectKey(state.clusterId, object, "records")]));
  return new Set([...found.manifests, ...records]);
}

/** Keys of this cluster's brokers that nothing names, and named ones that are not there. */
export function bucketDifference(state: ClusterState, bucket: SimObjectStore): Readonly<{ dead: string[]; missing: string[] }> {
  const named = namedKeys(state, bucket);
  const stored = new Set(bucket.keys().filter((key) => key.startsWith(`${state.clusterId}/data/`)));
  return { dead: [...stored].filter((key) => !named.has(key)), missing: [...named].filter((key) => !stored.has(key)) };
}
