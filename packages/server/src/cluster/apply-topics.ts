import { must } from "../base/assert.ts";
import { type ClusterState, isInternalTopic, metricNameOf, newPartition, type PartitionState, type TopicState } from "./cluster-state.ts";
import { type CreatePartitions, type CreateTopic, type DeleteTopic, type Outcome, type Refusal, refuse } from "./commands.ts";
import type { Effect } from "./effects.ts";
import { PARTITIONS_MAX, TOPIC_PARTITIONS_MAX, TOPICS_MAX } from "./limits.ts";
import { releaseObjects } from "./object-table.ts";
import { isReady, nextLeader, noSuchTopicId } from "./rules.ts";

/** The name and the number of partitions are judged here once more: creations that overlap were planned on the same state. */
export function applyCreateTopic(state: ClusterState, command: CreateTopic, effects: Effect[]): Outcome {
  const refusal = judgeName(state, command.name) ?? judgeCount(state, 0, command.assignments.length);
  if (refusal !== undefined) return refusal;
  if (state.topicsById.has(command.topicId)) return refuse("TOPIC_EXISTS", `topic id ${command.topicId} is taken`);
  if (state.topicsById.size >= TOPICS_MAX) return refuse("POLICY_VIOLATION", `a cluster has at most ${TOPICS_MAX} topics`);
  const topic: TopicState = {
    id: command.topicId,
    name: command.name,
    partitions: [],
    configs: new Map(command.configs),
    configVersion: 0,
    savedIn: state.snapshotNumber,
  };
  addTopic(state, topic);
  effects.push({ kind: "topic-created", topicId: topic.id, name: topic.name });
  return { topicId: topic.id, partitionIds: addPartitions(state, topic, command.assignments, effects) };
}

/** Partition ids are not given out again, so nothing that was uploaded or is under way can reach a later topic. */
export function applyDeleteTopic(state: ClusterState, command: DeleteTopic, effects: Effect[]): Outcome {
  const topic = state.topicsById.get(command.topicId);
  if (topic === undefined) return noSuchTopicId();
  state.observer?.beforeTopic(topic);
  for (const id of topic.partitions) removePartition(state, must(state.partitions.get(id), "partition of a topic"));
  state.topicsById.delete(topic.id);
  if (isInternalTopic(topic.name)) state.internalTopics.delete(topic.name);
  else {
    state.topicsByName.delete(topic.name);
    state.topicsByMetricName.delete(metricNameOf(topic.name));
  }
  const partitionIds = [...topic.partitions];
  effects.push({ kind: "topic-deleted", topicId: topic.id, name: topic.name, partitionIds });
  return { partitionIds };
}

export function applyCreatePartitions(state: ClusterState, command: CreatePartitions, effects: Effect[]): Outcome {
  const topic = state.topicsById.get(command.topicId);
  if (topic === undefined) return noSuchTopicId();
  if (topic.partitions.length !== command.partitionsBefore) return refuse("changed", "the topic has another number of partitions by now");
  const refusal = judgeCount(state, topic.partitions.length, command.assignments.length);
  if (refusal !== undefined) return refusal;
  state.observer?.beforeTopic(topic);
  return { partitionIds: addPartitions(state, topic, command.assignments, effects) };
}

/** Enters a topic under all its names; also for a snapshot's reader. */
export function addTopic(state: ClusterState, topic: TopicState): void {
  state.topicsById.set(topic.id, topic);
  if (isInternalTopic(topic.name)) {
    state.internalTopics.set(topic.name, topic);
    return;
  }
  state.topicsByName.set(topic.name, topic);
  state.topicsByMetricName.set(metricNameOf(topic.name), topic);
}

/** Why a topic of this name cannot be created now; undefined = it can. Texts as in Kafka. */
export function judgeName(state: ClusterState, name: string): Refusal | undefined {
  if (state.topicsByName.has(name) || state.internalTopics.has(name)) return refuse("TOPIC_EXISTS", `Topic '${name}' already exists.`);
  const other = state.topicsByMetricName.get(metricNameOf(name));
  if (other !== undefined) return refuse("INVALID_TOPIC", `Topic '${name}' collides with existing topic: ${other.name}`);
  return undefined;
}

/** Why a topic of `before` partitions cannot have `more`; undefined = it can. */
export function judgeCount(state: ClusterState, before: number, more: number): Refusal | undefined {
  if (before + more > TOPIC_PARTITIONS_MAX)
    return refuse("INVALID_PARTITIONS", `A topic has at most ${TOPIC_PARTITIONS_MAX} partitions. partitions=${before + more}`);
  if (state.partitions.size + more > PARTITIONS_MAX)
    return refuse("POLICY_VIOLATION", `A cluster has at most ${PARTITIONS_MAX} partitions. partitions=${state.partitions.size + more}`);
  return undefined;
}

function addPartitions(state: ClusterState, topic: TopicState, assignments: CreateTopic["assignments"], effects: Effect[]): number[] {
  const ids: number[] = [];
  for (const replicas of assignments) {
    const place = { topicId: topic.id, topic: topic.name, index: topic.partitions.length, replicas, inSync: firstMembers(state, replicas) };
    const partition = newPartition({ id: state.partitionIdNext, ...place, savedIn: state.snapshotNumber }, state.keptBy);
    partition.leader = nextLeader(state, partition);
    state.partitionIdNext += 1;
    state.partitions.set(partition.id, partition);
    topic.partitions.push(partition.id);
    ids.push(partition.id);
    effects.push({ kind: "partition-created", partitionId: partition.id });
  }
  return ids;
}

/** Who is fenced may hold nothing of it; where all are, nothing is written, and any of them may begin. */
function firstMembers(state: ClusterState, replicas: readonly number[]): readonly number[] {
  const ready = replicas.filter((broker) => isReady(state, broker));
  return ready.length === 0 || ready.length === replicas.length ? replicas : ready; // one list where it can be: there are many partitions
}

function removePartition(state: ClusterState, partition: PartitionState): void {
  state.observer?.beforePartition(partition);
  releaseObjects(state, partition.ranges.removeFirst(partition.ranges.count));
  state.partitions.delete(partition.id);
  state.wanted.delete(partition.id);
}
