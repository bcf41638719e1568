import type { ObjectId } from "../model/object-id.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";

/**
 * What this folder needs of the cluster's metadata: which offsets of a partition are in which object, and the two
 * commands that change it. Queries are synchronous and answer from the state that this process has applied.
 */
export interface ObjectIndex {
  /** The range or manifest that contains the offset, else the first one above it; undefined when nothing uploaded is left there. */
  find(partitionId: number, offset: number): ObjectRange | ManifestPointer | undefined;
  /** The ranges of a partition that are not in its manifest, ascending; at most UNMERGED_RANGES_MAX. */
  unmerged(partitionId: number): readonly ObjectRange[];
  /** How many they are, without making them. */
  unmergedCount(partitionId: number): number;
  manifestOf(partitionId: number): ManifestPointer | undefined;
  logStartOf(partitionId: number): number;
  /** Whether somebody has accepted that all of [from, to) is lost: readers pass over it then. */
  isLossAccepted(partitionId: number, from: number, to: number): boolean;
  /** `commit-object`. Judged range by range; the same request gets the same answer however often it is asked. Rejects when there is no answer. */
  commit(request: CommitRequest): Promise<CommitReply>;
  /** `commit-manifest`. Rejects when there is no answer; asked again, the answer is the same. */
  commitManifest(request: CommitManifestRequest): Promise<ManifestVerdict>;
}

/** All ranges are of that object, one per partition; without an object they are holes and gaps. */
export type CommitRequest = Readonly<{ object: ObjectId | undefined; ranges: readonly ObjectRange[] }>;

/** A refused range is dead bytes: its partition starts anew from its present uploadedEnd. */
export type CommitReply = Readonly<{ accepted: readonly ObjectRange[]; refused: readonly ObjectRange[] }>;

/** Accepted iff `previous` is the partition's present manifest and a range of the state begins (or the last ends) at `manifest.endOffset`. */
export type CommitManifestRequest = Readonly<{ manifest: ManifestPointer; previous: ObjectId | undefined; leaderEpoch: number }>;

export type ManifestVerdict = "accepted" | "refused";

export function isManifestPointer(found: ObjectRange | ManifestPointer): found is ManifestPointer {
  return "rangeCount" in found;
}
