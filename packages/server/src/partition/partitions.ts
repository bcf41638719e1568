import { assert } from "../base/assert.ts";
import { isInternalTopic } from "../cluster/cluster-state.ts";
import type { Partition } from "./partition.ts";
import type { ProducerLimit } from "./producer-limit.ts";

/** The partitions that are led here; internal ones by id only, out of the reach of clients. Changed only when a change of the metadata has been applied. */
export class Partitions {
  readonly #byId = new Map<number, Partition>();
  readonly #byTopicId = new Map<string, (Partition | undefined)[]>();
  /** The live topic of a name; a deleted and recreated topic has another id. */
  readonly #topicIds = new Map<string, string>();
  readonly #producerLimit: ProducerLimit;

  constructor(producerLimit: ProducerLimit) {
    this.#producerLimit = producerLimit;
  }

  get count(): number {
    return this.#byId.size;
  }

  all(): Iterable<Partition> {
    return this.#byId.values();
  }

  byId(partitionId: number): Partition | undefined {
    return this.#byId.get(partitionId);
  }

  byName(topic: string, index: number): Partition | undefined {
    const topicId = this.#topicIds.get(topic);
    return topicId === undefined ? undefined : this.byTopicId(topicId, index);
  }

  byTopicId(topicId: string, index: number): Partition | undefined {
    return this.#byTopicId.get(topicId)?.[index];
  }

  add(partition: Partition): void {
    const { id, topic, topicId, index } = partition.identity;
    assert(!this.#byId.has(id), `partition ${id} is led here already`);
    this.#byId.set(id, partition);
    this.#producerLimit.sharedBy(this.count);
    partition.limitProducers(this.#producerLimit);
    if (isInternalTopic(topic)) return;
    this.#topicIds.set(topic, topicId);
    const siblings = this.#byTopicId.get(topicId) ?? [];
    siblings[index] = partition;
    this.#byTopicId.set(topicId, siblings);
  }

  remove(partitionId: number): Partition | undefined {
    const partition = this.#byId.get(partitionId);
    if (partition === undefined) return undefined;
    const { topic, topicId, index } = partition.identity;
    this.#byId.delete(partitionId);
    this.#producerLimit.sharedBy(this.count);
    if (isInternalTopic(topic)) return partition;
    const siblings = this.#byTopicId.get(topicId) ?? [];
    siblings[index] = undefined;
    if (siblings.every((sibling) => sibling === undefined)) {
      this.#byTopicId.delete(topicId);
      if (this.#topicIds.get(topic) === topicId) this.#topicIds.delete(topic);
    }
    return partition;
  }
}
