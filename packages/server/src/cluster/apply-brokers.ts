import { type BrokerState, type ClusterState, type LogHolder, NO_LEADER, type PartitionState } from "./cluster-state.ts";
import { type AcceptLogLoss, type ElectLeaders, type FenceBroker, type Outcome, type RegisterBroker, refuse } from "./commands.ts";
import type { Effect } from "./effects.ts";
import { BROKERS_MAX } from "./limits.ts";
import { changeInSync, changeLeader, completeReassignment } from "./replica-sets.ts";
import { brokerIsCurrent, isReady, minInSync, nextLeader, noSuchTopic, staleBroker } from "./rules.ts";

/**
 * What the earlier process led has no leader until it is elected again: nobody resumes an old leader epoch. With another
 * log than before the broker has nothing of what made it an in-sync member, of any partition: whether one ever held
 * anything is not known here.
 */
export function applyRegisterBroker(state: ClusterState, command: RegisterBroker, effects: Effect[]): Outcome {
  const known = state.brokers.get(command.broker);
  if (known?.incarnation === command.incarnation) return { brokerEpoch: known.epoch, offline: 0 };
  if (known === undefined && state.brokers.size >= BROKERS_MAX)
    return refuse("POLICY_VIOLATION", `a cluster has at most ${BROKERS_MAX} brokers`);
  const { broker, incarnation, host, rack, walId } = command;
  const lost = lostLog(state, known, command);
  const walIndex = known?.walId === walId ? indexNamed(state, known) : 0;
  state.brokerEpochLast += 1;
  const brokerEpoch = state.brokerEpochLast;
  const registeredAt = command.walIndex < 0 ? 0 : state.index;
  const registered = {
    epoch: brokerEpoch,
    incarnation,
    host,
    rack,
    walId,
    registeredAt,
    walIndex,
    fenced: true,
    listeners: command.listeners,
  };
  if (known === undefined) state.brokers.set(broker, { id: broker, ...registered });
  else Object.assign(known, registered);
  effects.push({ kind: "broker-registered", broker, brokerEpoch });
  let offline = 0;
  for (const partition of state.partitions.values()) {
    if (partition.leader === broker) changeLeader(state, partition, nextLeader(state, partition), effects);
    if (isLastInSync(partition, command)) changeInSync(state, partition, [broker], effects);
    else if (lost !== undefined && leaveInSync(state, partition, lost, effects)) offline += 1;
  }
  return { brokerEpoch, offline };
}

/** The log that was here before, when the broker comes with another one now, or with an older copy. */
function lostLog(state: ClusterState, known: BrokerState | undefined, command: RegisterBroker): LogHolder | undefined {
  if (known === undefined || known.walId === "") return undefined;
  const lost = { broker: known.id, walId: known.walId, from: indexNamed(state, known), before: state.index };
  return known.walId === command.walId && names(command, lost.from) ? undefined : lost;
}

/** The newest metadata index that the broker's log names for certain: it leads nothing before that of its registration is durable there. */
function indexNamed(state: ClusterState, known: BrokerState): number {
  for (const { leader } of state.partitions.values()) if (leader === known.id) return known.registeredAt;
  return known.walIndex;
}

/** A damaged log may have lost what named the index. */
function names({ walIndex, walDamaged }: RegisterBroker, index: number): boolean {
  return walIndex < 0 || walDamaged || walIndex >= index;
}

/** The log is back that the partition has been waiting for, and not a copy from before, nor one that went on without it. */
function isLastInSync({ lastInSync }: PartitionState, command: RegisterBroker): boolean {
  if (lastInSync?.broker !== command.broker || lastInSync.walId !== command.walId) return false;
  return names(command, lastInSync.from) && command.walIndex < lastInSync.before;
}

/** Whether nobody is left. */
function leaveInSync(state: ClusterState, partition: PartitionState, lost: LogHolder, effects: Effect[]): boolean {
  if (!partition.inSync.includes(lost.broker)) return false;
  const inSync = partition.inSync.filter((broker) => broker !== lost.broker);
  changeInSync(state, partition, inSync, effects);
  if (inSync.length > 0) return false;
  partition.lastInSync = lost;
  return true;
}

export function applyElectLeaders(state: ClusterState, command: ElectLeaders, effects: Effect[]): Outcome {
  const known = state.brokers.get(command.broker);
  if (known === undefined || known.epoch !== command.brokerEpoch) return staleBroker(command);
  if (known.fenced) effects.push({ kind: "broker-unfenced", broker: known.id, brokerEpoch: known.epoch });
  known.fenced = false;
  let partitions = 0;
  for (const partition of state.partitions.values()) {
    if (partition.leader === NO_LEADER && partition.inSync.includes(command.broker)) {
      changeLeader(state, partition, command.broker, effects);
      partitions += 1;
    }
    completeReassignment(state, partition, effects);
  }
  return { partitions };
}

export function applyFenceBroker(state: ClusterState, command: FenceBroker, effects: Effect[]): Outcome {
  const known = state.brokers.get(command.broker);
  if (known === undefined || known.epoch !== command.brokerEpoch) return staleBroker(command);
  if (known.fenced) return { partitions: 0 };
  known.fenced = true;
  effects.push({ kind: "broker-fenced", broker: known.id, brokerEpoch: known.epoch });
  let partitions = 0;
  for (const partition of state.partitions.values()) {
    const others = partition.inSync.filter((broker) => broker !== known.id);
    const isMember = others.length < partition.inSync.length;
    if (isMember && others.length >= Math.max(1, minInSync(state, partition))) changeInSync(state, partition, others, effects);
    if (partition.leader !== known.id) continue;
    changeLeader(state, partition, nextLeader(state, partition), effects);
    partitions += 1;
  }
  return { partitions };
}

/** Other replicas may hold something of the lost logs' end: they join as followers do, who keep only what the leader has. */
export function applyAcceptLogLoss(state: ClusterState, command: AcceptLogLoss, effects: Effect[]): Outcome {
  const partition = state.partitions.get(command.partitionId);
  if (partition === undefined) return noSuchTopic();
  if (!brokerIsCurrent(state, command)) return staleBroker(command);
  if (!partition.replicas.includes(command.broker)) return refuse("INVALID_REQUEST", "the broker has no replica of the partition");
  if (partition.inSync.length > 0) return refuse("INVALID_REQUEST", "the partition has not lost its log");
  changeInSync(state, partition, [command.broker], effects);
  // A broker that is not ready leads when it is.
  if (partition.leader === NO_LEADER && isReady(state, command.broker)) changeLeader(state, partition, command.broker, effects);
  return { leaderEpoch: partition.leaderEpoch, uploadedEnd: partition.uploadedEnd };
}
