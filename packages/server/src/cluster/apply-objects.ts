import { sameObjectId } from "../model/object-id.ts";
import { type ManifestPointer, type ObjectRange, UNMERGED_RANGES_MAX } from "../model/object-range.ts";
import { dropPassedLosses, isAcceptedLoss } from "./accepted-losses.ts";
import { type ClusterState, isKept, type PartitionState } from "./cluster-state.ts";
import {
  type CommitManifest,
  type CommitObject,
  type Outcome,
  type RaiseCommitBound,
  type RangeRefusal,
  type RangeVerdict,
  type Refusal,
  refuse,
} from "./commands.ts";
import type { Effect } from "./effects.ts";
import { referObject, releaseObjects } from "./object-table.ts";
import { leads, mayCommit, noSuchTopic, notKept } from "./rules.ts";

/**
 * Judges each range alone, in order: the second range of a partition starts where the first ended. What was accepted
 * once is accepted when asked again, whatever happened since, as long as the index names it: so an uploader that did
 * not hear the answer asks again. What was refused is dead bytes in the object.
 */
export function applyCommitObject(state: ClusterState, command: CommitObject, effects: Effect[]): Outcome {
  return { verdicts: command.ranges.map((range) => commitRange(state, command, range, effects)) };
}

function commitRange(state: ClusterState, command: CommitObject, range: ObjectRange, effects: Effect[]): RangeVerdict {
  const partition = state.partitions.get(range.partitionId);
  if (partition === undefined) return verdict("unknown-partition", -1);
  if (!isKept(partition)) return verdict("not-kept", -1);
  if (partition.ranges.has(range)) return verdict(undefined, partition.uploadedEnd);
  const refusal = judgeRange(state, command, partition, range);
  if (refusal === undefined) takeRange(state, partition, range, effects);
  return verdict(refusal, partition.uploadedEnd);
}

function verdict(refusal: RangeRefusal | undefined, uploadedEnd: number): RangeVerdict {
  return { accepted: refusal === undefined, refusal, uploadedEnd };
}

function judgeRange(state: ClusterState, command: CommitObject, partition: PartitionState, range: ObjectRange): RangeRefusal | undefined {
  if (!leads(state, partition, command, range.leaderEpoch)) return "not-leader";
  if (range.startOffset !== partition.uploadedEnd) return "start";
  if (range.object !== undefined && !mayCommit(state, command, range.object)) return "bound";
  if (partition.ranges.count >= UNMERGED_RANGES_MAX) return "full";
  return undefined;
}

function takeRange(state: ClusterState, partition: PartitionState, range: ObjectRange, effects: Effect[]): void {
  state.observer?.beforePartition(partition);
  const accepted = range.kind === "hole" && isAcceptedLoss(partition, range.startOffset, range.endOffset);
  const object = range.object === undefined ? undefined : referObject(state, range.object, range.objectBytes);
  partition.ranges.append(accepted ? { ...range, kind: "gap" } : range, object);
  partition.uploadedEnd = range.endOffset;
  dropPassedLosses(partition);
  effects.push({ kind: "uploaded-end-moved", partitionId: partition.id, uploadedEnd: partition.uploadedEnd });
}

/** The newest range stays out of manifests: its object carries the newest base, and a repeated commit has to find it. */
export function applyCommitManifest(state: ClusterState, command: CommitManifest): Outcome {
  const { pointer } = command;
  const partition = state.partitions.get(pointer.partitionId);
  if (partition === undefined) return noSuchTopic();
  if (!isKept(partition)) return notKept(partition);
  const current = partition.manifest;
  if (current !== undefined && sameObjectId(current.object, pointer.object)) return { ranges: partition.ranges.count };
  if (!leads(state, partition, command, command.leaderEpoch)) return refuse("NOT_LEADER", "the partition has another leader by now");
  const merged = mergedRanges(partition, pointer);
  const refusal = judgeManifest(state, command, partition, merged);
  if (refusal !== undefined) return refusal;
  state.observer?.beforePartition(partition);
  releaseObjects(state, partition.ranges.removeFirst(merged));
  partition.manifest = pointer;
  return { ranges: partition.ranges.count };
}

/** How many of the oldest ranges the manifest takes; 0 when it ends neither where one ends nor where the next begins. */
function mergedRanges(partition: PartitionState, pointer: ManifestPointer): number {
  const { ranges } = partition;
  let merged = 0;
  while (merged < ranges.count && ranges.endOffset(merged) <= pointer.endOffset) merged += 1;
  const fits =
    (merged > 0 && ranges.endOffset(merged - 1) === pointer.endOffset) ||
    (merged < ranges.count && ranges.startOffset(merged) === pointer.endOffset);
  return fits ? merged : 0;
}

function judgeManifest(state: ClusterState, command: CommitManifest, partition: PartitionState, merged: number): Refusal | undefined {
  const { manifest, ranges } = partition;
  const { pointer, previous } = command;
  const continues = manifest === undefined ? previous === undefined : previous !== undefined && sameObjectId(previous, manifest.object);
  if (!continues) return refuse("changed", "the manifest continues another one than the current");
  if (merged === 0 || merged === ranges.count) return refuse("changed", "the manifest ends within a range, or takes none or all");
  const oldest = manifest?.startOffset ?? ranges.startOffset(0);
  if (pointer.startOffset > Math.max(partition.logStart, oldest)) return refuse("changed", "the manifest leaves out what can be read");
  if (!mayCommit(state, command, pointer.object)) return refuse("changed", "the object id of the manifest may no longer commit");
  return undefined;
}

/** Only rises. */
export function applyRaiseCommitBound(state: ClusterState, command: RaiseCommitBound): Outcome {
  const { broker, brokerEpoch, sequence } = command;
  const bound = state.commitBounds.get(broker);
  const higher = bound === undefined || brokerEpoch > bound.brokerEpoch || (brokerEpoch === bound.brokerEpoch && sequence > bound.sequence);
  if (!higher) return bound;
  state.commitBounds.set(broker, { brokerEpoch, sequence });
  return { brokerEpoch, sequence };
}
