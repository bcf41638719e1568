import type { ClusterState, PartitionState } from "./cluster-state.ts";
import {
  type ChangeInSync,
  type ElectLeader,
  type Outcome,
  type ReassignPartition,
  type Refusal,
  type ReportDamage,
  refuse,
} from "./commands.ts";
import type { Effect } from "./effects.ts";
import { REPLICAS_MAX } from "./limits.ts";
import { changeInSync, changeLeader, changeReplicas, completeReassignment } from "./replica-sets.ts";
import { brokerIsCurrent, isReady, leads, minInSync, nextLeader, noSuchTopic, staleBroker } from "./rules.ts";

// docs/rfcs/0011-replication.md: who of a partition's replicas is in sync, who leads, and which they are.

/** The leader's view of the set is the base of its high watermark: whoever it does not know of must not become a member. */
export function applyChangeInSync(state: ClusterState, command: ChangeInSync, effects: Effect[]): Outcome {
  const partition = state.partitions.get(command.partitionId);
  if (partition === undefined) return noSuchTopic();
  if (!brokerIsCurrent(state, command)) return staleBroker(command);
  if (!leads(state, partition, command, command.leaderEpoch)) return refuse("NOT_LEADER", "the partition has another leader by now");
  const inSync = command.to.map(({ broker }) => broker);
  if (command.partitionEpoch !== partition.partitionEpoch && sameMembers(inSync, partition.inSync)) return { inSync: partition.inSync };
  const refusal = judgeInSync(state, command, partition, inSync);
  if (refusal !== undefined) return refusal;
  changeInSync(state, partition, inSync, effects);
  return { inSync: partition.inSync };
}

function judgeInSync(
  state: ClusterState,
  command: ChangeInSync,
  partition: PartitionState,
  inSync: readonly number[],
): Refusal | undefined {
  if (command.partitionEpoch !== partition.partitionEpoch)
    return refuse("changed", `the partition has changed meanwhile. in sync=${partition.inSync.join()}`);
  if (!inSync.includes(command.broker)) return refuse("INVALID_REQUEST", "the leader stays in sync");
  for (const member of command.to) {
    if (partition.inSync.includes(member.broker)) continue;
    if (!partition.replicas.includes(member.broker)) return refuse("INVALID_REQUEST", `broker ${member.broker} has no replica`);
    if (!brokerIsCurrent(state, member) || !isReady(state, member.broker))
      return refuse("changed", `the process of broker ${member.broker} that has caught up is not ready, or not the newest`);
  }
  return refuseTooFew(state, partition, inSync);
}

/** A set that is smaller than its minimum already may stay so. */
function refuseTooFew(state: ClusterState, partition: PartitionState, inSync: readonly number[]): Refusal | undefined {
  const least = Math.min(minInSync(state, partition), partition.inSync.length);
  if (inSync.length >= least) return undefined;
  return refuse(
    "NOT_ENOUGH_REPLICAS",
    `too few of the members would be left: wait until more are in sync, or lower min.insync.replicas. left=${inSync.length} needed=${least}`,
  );
}

/**
 * Each partition once, in the order given; those that are gone meanwhile are passed over. A leader's wish to have the broker in sync,
 * made before it knew, is void.
 */
export function applyReportDamage(state: ClusterState, command: ReportDamage, effects: Effect[]): Outcome {
  if (!brokerIsCurrent(state, command)) return staleBroker(command);
  let partitions = 0;
  for (const id of command.partitionIds) {
    const partition = state.partitions.get(id);
    if (partition === undefined || !partition.replicas.includes(command.broker)) continue;
    state.observer?.beforePartition(partition);
    partition.partitionEpoch += 1;
    effects.push({ kind: "replica-damaged", partitionId: id, broker: command.broker });
    if (!partition.inSync.includes(command.broker) || partition.inSync.length === 1) continue;
    const others = partition.inSync.filter((broker) => broker !== command.broker);
    changeInSync(state, partition, others, effects);
    if (partition.leader === command.broker) changeLeader(state, partition, nextLeader(state, partition), effects);
    partitions += 1;
  }
  return { partitions };
}

export function applyElectLeader(state: ClusterState, command: ElectLeader, effects: Effect[]): Outcome {
  const partition = state.partitions.get(command.partitionId);
  if (partition === undefined) return noSuchTopic();
  const { leader } = command;
  if (partition.leader === leader) return { leaderEpoch: partition.leaderEpoch };
  if (partition.leaderEpoch !== command.leaderEpoch) return refuse("changed", "the partition has another leader by now");
  if (!partition.replicas.includes(leader)) return refuse("INVALID_REQUEST", `broker ${leader} has no replica of the partition`);
  if (!partition.inSync.includes(leader) || !isReady(state, leader))
    return refuse("PREFERRED_LEADER_NOT_AVAILABLE", `broker ${leader} is not in sync, or not ready: it leads when it is`);
  changeLeader(state, partition, leader, effects);
  return { leaderEpoch: partition.leaderEpoch };
}

export function applyReassignPartition(state: ClusterState, command: ReassignPartition, effects: Effect[]): Outcome {
  const partition = state.partitions.get(command.partitionId);
  if (partition === undefined) return noSuchTopic();
  const { replicas: target } = command;
  const refusal = target === undefined ? cancel(state, partition, effects) : reassign(state, partition, target, effects);
  return refusal ?? { replicas: partition.replicas };
}

/** Who was a member before a running reassignment is so still: what that began with is what this one can go back to. */
function reassign(state: ClusterState, partition: PartitionState, target: readonly number[], effects: Effect[]): Refusal | undefined {
  const running = partition.reassignment;
  if (sameOrder(target, running?.target ?? partition.replicas)) return undefined;
  const before = running?.before ?? partition.replicas;
  if (sameOrder(target, before)) return cancel(state, partition, effects);
  const unknown = target.find((broker) => !state.brokers.has(broker));
  if (unknown !== undefined) return refuse("INVALID_REPLICA_ASSIGNMENT", `no broker ${unknown} is registered`);
  const replicas = [...target, ...before.filter((broker) => !target.includes(broker))];
  if (replicas.length > REPLICAS_MAX)
    return refuse("INVALID_REPLICA_ASSIGNMENT", `a partition has at most ${REPLICAS_MAX} replicas, those included that are to go`);
  const refusal = judgeLeaving(state, partition, replicas);
  if (refusal !== undefined) return refusal;
  changeReplicas(state, partition, { replicas, reassignment: { target, before } }, effects);
  completeReassignment(state, partition, effects);
  return undefined;
}

function cancel(state: ClusterState, partition: PartitionState, effects: Effect[]): Refusal | undefined {
  const { reassignment } = partition;
  if (reassignment === undefined) return refuse("NO_REASSIGNMENT_IN_PROGRESS", "the replicas of the partition are not being changed");
  const refusal = judgeLeaving(state, partition, reassignment.before);
  if (refusal !== undefined) return refusal;
  changeReplicas(state, partition, { replicas: reassignment.before, reassignment: undefined }, effects);
  return undefined;
}

/** Only members have what was committed: enough of them have to be among `replicas`, or, where nobody is in sync, the log that is waited for. */
function judgeLeaving(state: ClusterState, partition: PartitionState, replicas: readonly number[]): Refusal | undefined {
  const { inSync, lastInSync } = partition;
  if (lastInSync !== undefined && !replicas.includes(lastInSync.broker))
    return refuse(
      "NOT_ENOUGH_REPLICAS",
      `the partition waits for the log of broker ${lastInSync.broker}: bring it back, or give it up first`,
    );
  return refuseTooFew(
    state,
    partition,
    inSync.filter((broker) => replicas.includes(broker)),
  );
}

function sameOrder(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((broker, at) => broker === b[at]);
}

/** Each list names a broker once. */
function sameMembers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((broker) => b.includes(broker));
}
