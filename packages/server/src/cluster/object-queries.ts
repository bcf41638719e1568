import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import type { ClusterState } from "./cluster-state.ts";

/**
 * Where to read an offset below uploadedEnd: the range that contains it, else the first range above it (there is a gap
 * or logStart between), or the manifest that knows. Undefined: nothing of the partition at or above it is uploaded.
 */
export function findRange(state: ClusterState, partitionId: number, offset: number): ObjectRange | ManifestPointer | undefined {
  const partition = state.partitions.get(partitionId);
  if (partition === undefined) return undefined;
  const { manifest, ranges } = partition;
  if (manifest !== undefined && offset < manifest.endOffset) return manifest;
  const at = ranges.indexOf(offset);
  return at === ranges.count ? undefined : ranges.at(at);
}
