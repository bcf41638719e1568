import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { assert, must } from "../../base/assert.ts";
import {
  type ClusterState,
  isInternalTopic,
  metricNameOf,
  NO_LEADER,
  type PartitionState,
  type TopicState,
} from "../../cluster/cluster-state.ts";
import type { CommandKind } from "../../cluster/commands.ts";
import { isReady, minInSync, nextLeader } from "../../cluster/rules.ts";
import { writePartition } from "../../cluster/state-codec.ts";
import { PARTITION_INDEX_BYTES_MAX, UNMERGED_RANGES_MAX } from "../../model/object-range.ts";

/** What is true of every cluster state after every command; throws for the first that is not. */
export function checkClusterState(state: ClusterState): void {
  let partitions = 0;
  for (const topic of state.topicsById.values()) {
    checkName(state, topic);
    topic.partitions.forEach((id, index) => {
      const partition = must(state.partitions.get(id), `partition ${id}`);
      assert(partition.topicId === topic.id && partition.index === index, `partition ${id} is of its topic`);
    });
    partitions += topic.partitions.length;
  }
  assert(state.topicsByName.size + state.internalTopics.size === state.topicsById.size, "as many names as topics");
  assert(partitions === state.partitions.size, "every partition is of a topic");
  checkOrder([...state.partitions.keys()], state.partitionIdNext);
  checkOrder(
    [...state.objects.values()].map((object) => object.number),
    state.objectNumberNext,
  );
  for (const partition of state.partitions.values()) checkPartition(state, partition);
  checkObjects(state);
}

/** Clients find one of our own under no name. */
function checkName(state: ClusterState, topic: TopicState): void {
  const isInternal = isInternalTopic(topic.name);
  const named = (isInternal ? state.internalTopics : state.topicsByName).get(topic.name);
  assert(named === topic, `topic ${topic.name} is known by its name`);
  if (isInternal) return assert(!state.topicsByName.has(topic.name), `topic ${topic.name} is ours alone`);
  assert(state.topicsByMetricName.get(metricNameOf(topic.name)) === topic, `topic ${topic.name} collides with none`);
}

function checkOrder(numbers: readonly number[], next: number): void {
  numbers.forEach((number, at) => {
    assert(number > (numbers[at - 1] ?? 0) && number < next, "numbers ascend in the order of iteration");
  });
}

function checkPartition(state: ClusterState, partition: PartitionState): void {
  const { ranges, manifest, id } = partition;
  assert(partition.leader === NO_LEADER || partition.inSync.includes(partition.leader), `the leader of ${id} is in sync`);
  assert(partition.leader === NO_LEADER || state.brokers.has(partition.leader), `the leader of ${id} is registered`);
  assert((partition.inSync.length === 0) === (partition.lastInSync !== undefined), `who was in sync last is known where nobody is: ${id}`);
  assert(
    partition.inSync.every((broker) => partition.replicas.includes(broker)),
    `only replicas of ${id} are in sync`,
  );
  checkReplicas(state, partition);
  assert(ranges.count <= UNMERGED_RANGES_MAX, `ranges of ${id} are merged in time`);
  let end = manifest?.endOffset ?? 0;
  for (let at = 0; at < ranges.count; at += 1) {
    assert(ranges.startOffset(at) >= end, `ranges of ${id} do not overlap`);
    end = ranges.endOffset(at);
  }
  assert(end <= partition.uploadedEnd, `the ranges of ${id} end at or below uploadedEnd`);
  const writer = new ByteWriter();
  writePartition(writer, { ...partition, acceptedLosses: [] });
  assert(writer.length <= PARTITION_INDEX_BYTES_MAX, `partition ${id} takes ${writer.length} bytes of state`);
}

function checkReplicas(state: ClusterState, partition: PartitionState): void {
  const { id, leader, replicas, inSync, lastInSync, reassignment } = partition;
  assert(leader === NO_LEADER || isReady(state, leader), `the leader of ${id} is not fenced`);
  assert(isEach(replicas) && replicas.length > 0, `each replica of ${id} stands there once`);
  assert(isEach(inSync), `each member of ${id} stands there once`);
  assert(lastInSync === undefined || replicas.includes(lastInSync.broker), `what ${id} waits for is the log of a replica`);
  const isLed = leader !== NO_LEADER || nextLeader(state, partition) === NO_LEADER;
  assert(isLed, `a member of ${id} that is ready leads`);
  if (reassignment === undefined) return;
  const { target, before } = reassignment;
  assert(target.join() !== before.join(), `the reassignment of ${id} changes something`);
  const leaving = before.filter((broker) => !target.includes(broker));
  assert(replicas.join() === [...target, ...leaving].join(), `the replicas of ${id} are those to come and those to go`);
  const isDone = target.every((broker) => inSync.includes(broker)) && target.some((broker) => isReady(state, broker));
  assert(!isDone, `the reassignment of ${id} is not complete`);
}

function isEach(brokers: readonly number[]): boolean {
  return new Set(brokers).size === brokers.length;
}

/** What an in-sync set may have become by one command. */
const SHRINKING: ReadonlySet<CommandKind> = new Set(["register-broker", "report-damage"]);

/**
 * What is true of a step: an in-sync set shrinks below its minimum only by a lost log or damage, and is never left by all its members
 * by anything else than a lost log; a new leader has a new epoch; a partition's replicas change only by its reassignment.
 */
export class ClusterStateSteps {
  #before = new Map<number, PartitionState>();

  check(state: ClusterState, kind: CommandKind): void {
    for (const partition of state.partitions.values()) {
      const before = this.#before.get(partition.id);
      if (before !== undefined) checkStep(state, kind, before, partition);
    }
    this.#before = new Map([...state.partitions].map(([id, partition]) => [id, { ...partition }]));
  }
}

function checkStep(state: ClusterState, kind: CommandKind, before: PartitionState, after: PartitionState): void {
  const { id } = after;
  const isSmaller = after.inSync.length < Math.min(before.inSync.length, minInSync(state, after));
  assert(!isSmaller || SHRINKING.has(kind), `${kind} leaves ${id} with too few members: ${after.inSync.join()}`);
  assert(after.inSync.length > 0 || before.inSync.length === 0 || kind === "register-broker", `${kind} takes the last member of ${id}`);
  const isComplete = kind === "change-in-sync" && before.reassignment !== undefined && after.reassignment === undefined;
  const isAny = isComplete || before.inSync.length === 0 || after.inSync.length === 0;
  const keptMember = isAny || after.inSync.some((broker) => before.inSync.includes(broker));
  assert(keptMember, `one of those who had what was committed in ${id} stays`);
  assert(after.leaderEpoch >= before.leaderEpoch, `the leader epoch of ${id} does not go back`);
  assert(after.leader === before.leader || after.leaderEpoch > before.leaderEpoch, `a new leader of ${id} has a new epoch`);
  const isReassigned = before.reassignment !== undefined || kind === "reassign-partition";
  assert(isReassigned || after.replicas.join() === before.replicas.join(), `${kind} changes the replicas of ${id}`);
}

function checkObjects(state: ClusterState): void {
  const uses = new Map<number, number>();
  for (const { ranges } of state.partitions.values())
    for (let at = 0; at < ranges.count; at += 1) {
      const object = ranges.objectAt(at);
      if (object === undefined) continue;
      assert(state.objectOf(object.id) === object, "a range's object is in the table");
      uses.set(object.number, (uses.get(object.number) ?? 0) + 1);
    }
  assert(uses.size === state.objects.size, "every object in the table has a range");
  for (const object of state.objects.values()) assert(uses.get(object.number) === object.ranges, "an object counts its ranges");
}
