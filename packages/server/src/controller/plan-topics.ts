import { assert } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { judgeCount, judgeName } from "../cluster/apply-topics.ts";
import { type ClusterState, isInternalTopic, type TopicState } from "../cluster/cluster-state.ts";
import type { CreatePartitions, CreateTopic, Refusal } from "../cluster/commands.ts";
import { REPLICAS_MAX } from "../cluster/limits.ts";
import { checkAssignments } from "./manual-placement.ts";
import type { Placement } from "./placement.ts";
import { planTopicConfigs } from "./plan-configs.ts";
import type { CreatePartitionsRequest, CreateTopicRequest } from "./requests.ts";
import { topicNameProblem } from "./topic-names.ts";

/** What plans are made on. */
export type PlanParts = Readonly<{ state: ClusterState; placement: Placement }>;

export type TopicDefaults = Readonly<{ partitions: number; replicationFactor: number }>;

/**
 * The command that creates what was asked for, judged on the state as it is now. Error codes, texts and their order as in Kafka.
 * @throws {QueueError}
 */
export function planCreateTopic(
  { state, placement }: PlanParts,
  request: CreateTopicRequest,
  defaults: TopicDefaults,
  topicId: string,
): CreateTopic {
  const problem = topicNameProblem(request.name);
  if (problem !== undefined) throw new QueueError("INVALID_TOPIC", problem);
  throwRefusal(judgeName(state, request.name));
  const configs = planTopicConfigs(request.configs);
  const place = (count: number, factor: number): number[][] => placement.place({ count, factor, seed: topicId });
  const assignments = planAssignments(state, place, request, defaults);
  throwRefusal(judgeCount(state, 0, assignments.length));
  return { kind: "create-topic", topicId, name: request.name, configs, assignments };
}

/** A topic whose entries are our own; its options are the defaults. */
export function planInternalTopic(
  { state, placement }: PlanParts,
  name: string,
  partitions: number,
  replicationFactor: number,
  topicId: string,
): CreateTopic {
  assert(isInternalTopic(name), `the name of an internal topic is reserved: ${name}`);
  throwRefusal(judgeCount(state, 0, partitions));
  const assignments = placement.place({ count: partitions, factor: replicationFactor, seed: topicId });
  return { kind: "create-topic", topicId, name, configs: new Map(), assignments };
}

function planAssignments(
  state: ClusterState,
  place: (count: number, factor: number) => number[][],
  request: CreateTopicRequest,
  defaults: TopicDefaults,
): readonly (readonly number[])[] {
  const { partitions, replicationFactor } = request;
  if (request.assignments.length > 0) return manualAssignments(state, request);
  if (replicationFactor < -1 || replicationFactor === 0)
    throw new QueueError("INVALID_REPLICATION_FACTOR", "Replication factor must be larger than 0, or -1 to use the default value.");
  if (partitions < -1 || partitions === 0)
    throw new QueueError("INVALID_PARTITIONS", "Number of partitions was set to an invalid non-positive value.");
  const count = partitions === -1 ? defaults.partitions : partitions;
  throwRefusal(judgeCount(state, 0, count)); // before so many are placed
  return place(count, replicationFactor === -1 ? defaults.replicationFactor : replicationFactor);
}

function manualAssignments(state: ClusterState, request: CreateTopicRequest): readonly (readonly number[])[] {
  if (request.replicationFactor !== -1)
    throw new QueueError("INVALID_REQUEST", "A manual partition assignment was specified, but replication factor was not set to -1.");
  if (request.partitions !== -1)
    throw new QueueError("INVALID_REQUEST", "A manual partition assignment was specified, but numPartitions was not set to -1.");
  throwRefusal(judgeCount(state, 0, request.assignments.length));
  const byIndex = new Map<number, readonly number[]>();
  for (const { partition, brokers } of request.assignments) {
    if (byIndex.has(partition)) throw invalidAssignment(`Found multiple manual partition assignments for partition ${partition}`);
    byIndex.set(partition, brokers);
  }
  const inOrder = request.assignments.map((_, index) => {
    const brokers = byIndex.get(index);
    if (brokers === undefined) throw invalidAssignment("partitions should be a consecutive 0-based integer sequence");
    return brokers;
  });
  checkReplicas(state, inOrder, undefined);
  return inOrder;
}

/** @throws {QueueError} */
export function planCreatePartitions(
  { state, placement }: PlanParts,
  topic: TopicState,
  request: CreatePartitionsRequest,
): CreatePartitions {
  const before = topic.partitions.length;
  const more = request.count - before;
  if (more === 0) throw new QueueError("INVALID_PARTITIONS", `Topic already has ${before} partition(s).`);
  if (more < 0)
    throw new QueueError(
      "INVALID_PARTITIONS",
      `The topic ${topic.name} currently has ${before} partition(s); ${request.count} would not be an increase.`,
    );
  throwRefusal(judgeCount(state, before, more));
  const factor = factorOf(state, topic);
  const manual = request.assignments;
  if (manual === undefined) {
    const assignments = placement.place({ count: more, factor, seed: `${topic.id} ${before}` });
    return { kind: "create-partitions", topicId: topic.id, partitionsBefore: before, assignments };
  }
  if (manual.length !== more)
    throw invalidAssignment(`Attempted to add ${more} additional partition(s), but only ${manual.length} assignment(s) were specified.`);
  checkReplicas(state, manual, factor);
  return { kind: "create-partitions", topicId: topic.id, partitionsBefore: before, assignments: manual };
}

/** Of a partition that is being reassigned: what it will have. */
function factorOf(state: ClusterState, topic: TopicState): number {
  const [first] = state.partitionsOf(topic);
  return (first?.reassignment?.target ?? first?.replicas)?.length ?? 1;
}

function checkReplicas(state: ClusterState, assignments: readonly (readonly number[])[], factor: number | undefined): void {
  checkAssignments(state, assignments, factor);
  if ((assignments[0]?.length ?? 0) > REPLICAS_MAX) throw invalidAssignment(`A partition has at most ${REPLICAS_MAX} replicas.`);
}

function invalidAssignment(message: string): QueueError {
  return new QueueError("INVALID_REPLICA_ASSIGNMENT", message);
}

function throwRefusal(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw refusalError(refusal);
}

/** What the caller of the controller gets to see. */
export function refusalError({ refused, message }: Refusal): QueueError {
  if (refused === "stale-controller") return new QueueError("NOT_CONTROLLER", message);
  if (refused === "stale-broker") return new QueueError("NOT_LEADER", message);
  if (refused === "changed") return new QueueError("REQUEST_TIMED_OUT", `${message}; ask again`);
  return new QueueError(refused, message);
}
