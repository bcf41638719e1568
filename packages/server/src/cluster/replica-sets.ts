import type { ClusterState, PartitionState } from "./cluster-state.ts";
import type { Effect } from "./effects.ts";
import { isReady, nextLeader } from "./rules.ts";
import { followReplicas } from "./served-index.ts";

/** Another in-sync set. When it has all that a running reassignment wants, that is complete. */
export function changeInSync(state: ClusterState, partition: PartitionState, inSync: readonly number[], effects: Effect[]): void {
  state.observer?.beforePartition(partition);
  partition.partitionEpoch += 1;
  partition.inSync = inSync;
  partition.lastInSync = undefined;
  effects.push({ kind: "in-sync-changed", partitionId: partition.id, inSync });
  completeReassignment(state, partition, effects);
}

/** A new leader epoch; `leader` may be none. */
export function changeLeader(state: ClusterState, partition: PartitionState, leader: number, effects: Effect[]): void {
  state.observer?.beforePartition(partition);
  partition.partitionEpoch += 1;
  partition.leader = leader;
  partition.leaderEpoch += 1;
  effects.push({ kind: "leader-changed", partitionId: partition.id, leader, leaderEpoch: partition.leaderEpoch });
}

/** Who is a replica no more is not in sync, and leads no more: the caller has judged that enough members are left. */
export function changeReplicas(
  state: ClusterState,
  partition: PartitionState,
  { replicas, reassignment }: Pick<PartitionState, "replicas" | "reassignment">,
  effects: Effect[],
): void {
  state.observer?.beforePartition(partition);
  partition.partitionEpoch += 1;
  partition.replicas = replicas;
  partition.reassignment = reassignment;
  effects.push({ kind: "replicas-changed", partitionId: partition.id, replicas });
  followReplicas(state, partition);
  const left = partition.inSync.filter((broker) => replicas.includes(broker));
  if (left.length < partition.inSync.length) changeInSync(state, partition, left, effects);
  if (partition.inSync.includes(partition.leader)) return;
  const leader = nextLeader(state, partition);
  if (leader !== partition.leader) changeLeader(state, partition, leader, effects);
}

/** When all that it wants are in sync, and one of them can lead at once, the others go. */
export function completeReassignment(state: ClusterState, partition: PartitionState, effects: Effect[]): void {
  const { reassignment, inSync } = partition;
  if (reassignment === undefined) return;
  const { target } = reassignment;
  if (!target.every((broker) => inSync.includes(broker)) || !target.some((broker) => isReady(state, broker))) return;
  changeReplicas(state, partition, { replicas: target, reassignment: undefined }, effects);
}
