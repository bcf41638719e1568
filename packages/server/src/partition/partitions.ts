import { assert, must } from "../base/assert.ts";
import { isInternalTopic } from "../cluster/cluster-state.ts";
import type { Partition, PartitionIdentity } from "./partition.ts";
import type { ProducerLimit } from "./producer-limit.ts";

/** Adds the partition of this id, unless it is not wanted any more. */
type Open = (partitionId: number) => void;

/** New, and not opened yet. */
type Expected = Readonly<{ identity: PartitionIdentity; open: Open }>;

/** What is here of a topic of clients: never nothing. By index. */
type Topic = { readonly partitions: (Partition | undefined)[]; readonly expected: Map<number, Expected>; count: number };

/**
 * The partitions that are led here; internal ones by id only, out of the reach of clients. Changed only when a change of the metadata has been applied. Those
 * that are new may be opened behind that, one by one; whoever asks for one before opens it, so nobody finds that it is not there yet.
 */
export class Partitions {
  readonly #byId = new Map<number, Partition>();
  readonly #expected = new Map<number, Expected>();
  /** Those that are led elsewhere, and can be read here. */
  readonly #followed = new Map<number, Partition>();
  readonly #topics = new Map<string, Topic>();
  /** The live topic of a name; a deleted and recreated topic has another id. */
  readonly #topicIds = new Map<string, string>();
  readonly #producerLimit: ProducerLimit;

  constructor(producerLimit: ProducerLimit) {
    this.#producerLimit = producerLimit;
  }

  get count(): number {
    return this.#byId.size + this.#expected.size;
  }

  /** Those that are open. */
  all(): Iterable<Partition> {
    return this.#byId.values();
  }

  byId(partitionId: number): Partition | undefined {
    return this.#byId.get(partitionId) ?? this.#open(this.#expected.get(partitionId));
  }

  byName(topic: string, index: number): Partition | undefined {
    const topicId = this.#topicIds.get(topic);
    return topicId === undefined ? undefined : this.byTopicId(topicId, index);
  }

  byTopicId(topicId: string, index: number): Partition | undefined {
    const topic = this.#topics.get(topicId);
    return topic?.partitions[index] ?? this.#open(topic?.expected.get(index));
  }

  /** Led elsewhere: what is committed of it can be read here. */
  follow(partition: Partition): void {
    this.#followed.set(partition.identity.id, partition);
  }

  unfollow(partitionId: number): void {
    this.#followed.delete(partitionId);
  }

  followed(partitionId: number): Partition | undefined {
    return this.#followed.get(partitionId);
  }

  /** A new one of a topic of clients, which is opened when somebody asks for it. */
  expect(identity: PartitionIdentity, open: Open): void {
    const { id, topic, topicId, index } = identity;
    assert(!this.#isHere(id), `partition ${id} is led here already`);
    const expected = { identity, open };
    this.#expected.set(id, expected);
    this.#enter(topic, topicId).expected.set(index, expected);
    this.#producerLimit.sharedBy(this.count);
  }

  isExpected(partitionId: number): boolean {
    return this.#expected.has(partitionId);
  }

  #open(expected: Expected | undefined): Partition | undefined {
    if (expected === undefined) return undefined;
    const { id } = expected.identity;
    this.remove(id);
    expected.open(id);
    return this.#byId.get(id);
  }

  add(partition: Partition): void {
    const { id, topic, topicId, index } = partition.identity;
    assert(!this.#isHere(id), `partition ${id} is led here already`);
    this.#byId.set(id, partition);
    this.#producerLimit.sharedBy(this.count);
    partition.limitProducers(this.#producerLimit);
    if (!isInternalTopic(topic)) this.#enter(topic, topicId).partitions[index] = partition;
  }

  #isHere(partitionId: number): boolean {
    return this.#byId.has(partitionId) || this.#expected.has(partitionId);
  }

  /** One more of this topic. */
  #enter(name: string, topicId: string): Topic {
    this.#topicIds.set(name, topicId);
    let topic = this.#topics.get(topicId);
    if (topic === undefined) this.#topics.set(topicId, (topic = { partitions: [], expected: new Map(), count: 0 }));
    topic.count += 1;
    return topic;
  }

  /** @returns it, when it was open. */
  remove(partitionId: number): Partition | undefined {
    const partition = this.#byId.get(partitionId);
    const identity = partition?.identity ?? this.#expected.get(partitionId)?.identity;
    if (identity === undefined) return undefined;
    this.#byId.delete(partitionId);
    this.#expected.delete(partitionId);
    this.#producerLimit.sharedBy(this.count);
    if (!isInternalTopic(identity.topic)) this.#leave(identity);
    return partition;
  }

  #leave({ topic: name, topicId, index }: PartitionIdentity): void {
    const topic = must(this.#topics.get(topicId), "the topic of a partition");
    topic.partitions[index] = undefined;
    topic.expected.delete(index);
    topic.count -= 1;
    if (topic.count > 0) return;
    this.#topics.delete(topicId);
    if (this.#topicIds.get(name) === topicId) this.#topicIds.delete(name);
  }
}
