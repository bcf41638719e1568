import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { assert, must } from "../../base/assert.ts";
import { type ClusterState, metricNameOf, NO_LEADER, type PartitionState } from "../../cluster/cluster-state.ts";
import { writePartition } from "../../cluster/state-codec.ts";
import { PARTITION_INDEX_BYTES_MAX, UNMERGED_RANGES_MAX } from "../../model/object-range.ts";

/** What is true of every cluster state after every command; throws for the first that is not. */
export function checkClusterState(state: ClusterState): void {
  let partitions = 0;
  for (const topic of state.topicsById.values()) {
    assert(state.topicsByName.get(topic.name) === topic, `topic ${topic.name} is known by its name`);
    assert(state.topicsByMetricName.get(metricNameOf(topic.name)) === topic, `topic ${topic.name} collides with none`);
    topic.partitions.forEach((id, index) => {
      const partition = must(state.partitions.get(id), `partition ${id}`);
      assert(partition.topicId === topic.id && partition.index === index, `partition ${id} is of its topic`);
    });
    partitions += topic.partitions.length;
  }
  assert(state.topicsByName.size === state.topicsById.size, "as many names as topics");
  assert(partitions === state.partitions.size, "every partition is of a topic");
  checkOrder([...state.partitions.keys()], state.partitionIdNext);
  checkOrder(
    [...state.objects.values()].map((object) => object.number),
    state.objectNumberNext,
  );
  for (const partition of state.partitions.values()) checkPartition(state, partition);
  checkObjects(state);
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
