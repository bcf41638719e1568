import type { ClusterState } from "../../cluster/cluster-state.ts";
import { type ObjectId, objectKey } from "../../model/object-id.ts";
import type { ManifestPointer } from "../../model/object-range.ts";
import { decodeManifest } from "../../tier/manifest-codec.ts";
import type { SimObjectStore } from "../sim-io/object-store.ts";

/**
 * The keys that the metadata names at this moment, as somebody would find them who can look at everything at once: ranges in
 * the state, manifests, and what manifests name at or above the log's start.
 */
export function namedKeys(state: ClusterState, bucket: SimObjectStore): ReadonlySet<string> {
  const keys = new Set<string>();
  const key = (id: ObjectId, kind: "records" | "manifest"): string => objectKey(state.clusterId, id, kind);
  const addManifest = (pointer: ManifestPointer, logStart: number): void => {
    const name = key(pointer.object, "manifest");
    keys.add(name);
    const stored = bucket.object(name);
    if (stored === undefined) return;
    const { children, ranges } = decodeManifest(stored.bytes, pointer, state.clusterId, name);
    for (const { object, endOffset } of ranges) if (object !== undefined && endOffset > logStart) keys.add(key(object, "records"));
    for (const child of children) if (child.endOffset > logStart) addManifest(child, logStart);
  };
  for (const { ranges, manifest, logStart } of state.partitions.values()) {
    for (const { object } of ranges.all()) if (object !== undefined) keys.add(key(object, "records"));
    if (manifest !== undefined) addManifest(manifest, logStart);
  }
  return keys;
}

/** Keys of this cluster's brokers that nothing names, and named ones that are not there. */
export function bucketDifference(state: ClusterState, bucket: SimObjectStore): Readonly<{ dead: string[]; missing: string[] }> {
  const named = namedKeys(state, bucket);
  const stored = new Set(bucket.keys().filter((key) => key.startsWith(`${state.clusterId}/data/`)));
  return { dead: [...stored].filter((key) => !named.has(key)), missing: [...named].filter((key) => !stored.has(key)) };
}
