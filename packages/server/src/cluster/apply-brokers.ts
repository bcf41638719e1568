import { type ClusterState, NO_LEADER, type PartitionState } from "./cluster-state.ts";
import { type ElectLeaders, type Outcome, type RegisterBroker, refuse } from "./commands.ts";
import type { Effect } from "./effects.ts";
import { BROKERS_MAX } from "./limits.ts";
import { brokerIsCurrent, staleBroker } from "./rules.ts";

/** What the earlier process led has no leader until it is elected again: nobody resumes an old leader epoch. */
export function applyRegisterBroker(state: ClusterState, command: RegisterBroker, effects: Effect[]): Outcome {
  const known = state.brokers.get(command.broker);
  if (known?.incarnation === command.incarnation) return { brokerEpoch: known.epoch };
  if (known === undefined && state.brokers.size >= BROKERS_MAX)
    return refuse("POLICY_VIOLATION", `a cluster has at most ${BROKERS_MAX} brokers`);
  state.brokerEpochLast += 1;
  const brokerEpoch = state.brokerEpochLast;
  const { broker, incarnation, host, rack } = command;
  if (known === undefined) state.brokers.set(broker, { id: broker, epoch: brokerEpoch, incarnation, host, rack });
  else Object.assign(known, { epoch: brokerEpoch, incarnation, host, rack });
  effects.push({ kind: "broker-registered", broker, brokerEpoch });
  for (const partition of state.partitions.values()) if (partition.leader === broker) changeLeader(state, partition, NO_LEADER, effects);
  return { brokerEpoch };
}

export function applyElectLeaders(state: ClusterState, command: ElectLeaders, effects: Effect[]): Outcome {
  if (!brokerIsCurrent(state, command)) return staleBroker(command);
  let partitions = 0;
  for (const partition of state.partitions.values()) {
    if (partition.leader !== NO_LEADER || !partition.inSync.includes(command.broker)) continue;
    changeLeader(state, partition, command.broker, effects);
    partitions += 1;
  }
  return { partitions };
}

function changeLeader(state: ClusterState, partition: PartitionState, leader: number, effects: Effect[]): void {
  state.observer?.beforePartition(partition);
  partition.leader = leader;
  partition.leaderEpoch += 1;
  effects.push({ kind: "leader-changed", partitionId: partition.id, leader, leaderEpoch: partition.leaderEpoch });
}
