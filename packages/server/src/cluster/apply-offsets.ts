import { dropPassedLosses, withLoss } from "./accepted-losses.ts";
import { type ClusterState, isKept, type PartitionState } from "./cluster-state.ts";
import { type AcceptLoss, type Outcome, type RaiseLogStart, refuse } from "./commands.ts";
import type { Effect } from "./effects.ts";
import { ACCEPTED_LOSSES_MAX } from "./limits.ts";
import { releaseObjects } from "./object-table.ts";
import { noSuchTopic, notKept } from "./rules.ts";

/**
 * Above uploadedEnd it raises that to the first offset of the batch that holds logStart: an upload in flight from the
 * old uploadedEnd is refused then, and readers filter below logStart. So that one batch, and nothing else, may lie on both
 * sides of logStart and above uploadedEnd. Never lowers anything.
 */
export function applyRaiseLogStart(state: ClusterState, command: RaiseLogStart, effects: Effect[]): Outcome {
  const partition = state.partitions.get(command.partitionId);
  if (partition === undefined) return noSuchTopic();
  if (!isKept(partition)) return notKept(partition);
  if (partition.leaderEpoch !== command.leaderEpoch) return refuse("NOT_LEADER", "the partition has another leader by now");
  const { logStart, batchOffset } = command;
  if (logStart <= partition.logStart) return { logStart: partition.logStart, uploadedEnd: partition.uploadedEnd };
  const beyond = logStart > partition.uploadedEnd;
  if (beyond && (batchOffset > logStart || batchOffset < partition.uploadedEnd))
    return refuse("INVALID_REQUEST", `logStart ${logStart} is not in a batch at ${batchOffset}. uploadedEnd=${partition.uploadedEnd}`);
  state.observer?.beforePartition(partition);
  partition.logStart = logStart;
  if (beyond && batchOffset > partition.uploadedEnd) {
    partition.uploadedEnd = batchOffset;
    effects.push({ kind: "uploaded-end-moved", partitionId: partition.id, uploadedEnd: batchOffset });
  }
  dropUnreadable(state, partition);
  effects.push({ kind: "log-start-raised", partitionId: partition.id, logStart });
  return { logStart, uploadedEnd: partition.uploadedEnd };
}

/** The newest range stays whatever its age: its object carries the newest base. */
function dropUnreadable(state: ClusterState, partition: PartitionState): void {
  const { ranges, manifest, logStart } = partition;
  if (manifest !== undefined && manifest.endOffset <= logStart) partition.manifest = undefined;
  const passed = Math.min(ranges.indexOf(logStart), ranges.count - 1);
  if (passed > 0) releaseObjects(state, ranges.removeFirst(passed));
  dropPassedLosses(partition);
}

/** Holes in the ranges become gaps at once; what is not uploaded yet, or in a manifest, is remembered beside them. */
export function applyAcceptLoss(state: ClusterState, command: AcceptLoss, effects: Effect[]): Outcome {
  const partition = state.partitions.get(command.partitionId);
  if (partition === undefined) return noSuchTopic();
  if (!isKept(partition)) return notKept(partition);
  const { from, to } = command;
  const losses = withLoss(partition.acceptedLosses, { from, to });
  if (losses.length > ACCEPTED_LOSSES_MAX)
    return refuse("POLICY_VIOLATION", `a partition has at most ${ACCEPTED_LOSSES_MAX} accepted losses`);
  state.observer?.beforePartition(partition);
  const spans = acceptHoles(partition, from, to);
  partition.acceptedLosses = losses;
  dropPassedLosses(partition);
  effects.push({ kind: "loss-accepted", partitionId: partition.id, from, to });
  return { spans };
}

function acceptHoles(partition: PartitionState, from: number, to: number): number {
  const { ranges } = partition;
  let spans = 0;
  for (let at = ranges.indexOf(from); at < ranges.count && ranges.startOffset(at) < to; at += 1) {
    if (!ranges.isHole(at) || ranges.startOffset(at) < from || ranges.endOffset(at) > to) continue;
    ranges.turnHoleIntoGap(at);
    spans += 1;
  }
  return spans;
}
