import type { MetadataResponse } from "@tidemq/protocol/messages/03-metadata.ts";
import type { Address } from "./transport.ts";

export type BrokerMetadata = Readonly<{ nodeId: number; address: Address; rack: string | undefined }>;

/** `leader` −1: none at the moment. `leaderEpoch` −1: the broker is too old to say. */
export type PartitionMetadata = Readonly<{
  index: number;
  errorCode: number;
  leader: number;
  leaderEpoch: number;
  replicas: readonly number[];
  inSync: readonly number[];
  offline: readonly number[];
}>;

/** `errorCode` as the broker gave it; with one there may be no partitions. `topicId`: 22 characters, all A when the broker is too old to say. */
export type TopicMetadata = Readonly<{
  name: string;
  topicId: string;
  errorCode: number;
  isInternal: boolean;
  /** In the order of their index. */
  partitions: readonly PartitionMetadata[];
}>;

/** What a client knows of a cluster. Old answers never replace newer leaders. */
export class Metadata {
  clusterId: string | undefined;
  controllerId = -1;
  brokers: ReadonlyMap<number, BrokerMetadata> = new Map();
  readonly #topics = new Map<string, TopicMetadata>();

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  partition(topic: string, index: number): PartitionMetadata | undefined {
    const partitions = this.#topics.get(topic)?.partitions;
    const direct = partitions?.[index];
    return direct?.index === index ? direct : partitions?.find((partition) => partition.index === index);
  }

  /** Name of the topic with this id; undefined when it is not known. */
  nameOf(topicId: string): string | undefined {
    for (const topic of this.#topics.values()) if (topic.topicId === topicId) return topic.name;
    return undefined;
  }

  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Takes over an answer. @returns The topics in it, as they are known now. */
  update(answer: MetadataResponse): TopicMetadata[] {
    this.clusterId = answer.clusterId ?? this.clusterId;
    this.controllerId = answer.controllerId;
    // An answer without brokers comes from one that is not part of the cluster yet: what is known is better.
    if (answer.brokers.length > 0) this.brokers = brokersOf(answer);
    const topics: TopicMetadata[] = [];
    for (const topic of answer.topics) {
      if (topic.name === null) continue;
      const merged = mergeTopic(this.#topics.get(topic.name), topicOf(topic.name, topic));
      this.#topics.set(topic.name, merged);
      topics.push(merged);
    }
    return topics;
  }
}

function brokersOf(answer: MetadataResponse): Map<number, BrokerMetadata> {
  return new Map(
    answer.brokers.map((broker) => [
      broker.nodeId,
      { nodeId: broker.nodeId, address: { host: broker.host, port: broker.port }, rack: broker.rack ?? undefined },
    ]),
  );
}

function topicOf(name: string, topic: MetadataResponse["topics"][number]): TopicMetadata {
  const partitions = topic.partitions
    .map((partition) => ({
      index: partition.partitionIndex,
      errorCode: partition.errorCode,
      leader: partition.leaderId,
      leaderEpoch: partition.leaderEpoch,
      replicas: partition.replicaNodes,
      inSync: partition.isrNodes,
      offline: partition.offlineReplicas,
    }))
    .sort((a, b) => a.index - b.index);
  return { name, topicId: topic.topicId, errorCode: topic.errorCode, isInternal: topic.isInternal, partitions };
}

/** Of one and the same topic, a partition's leader of a later epoch stays. */
function mergeTopic(known: TopicMetadata | undefined, fresh: TopicMetadata): TopicMetadata {
  if (known === undefined || known.topicId !== fresh.topicId) return fresh;
  const partitions = fresh.partitions.map((partition) => {
    const old = known.partitions[partition.index];
    return old !== undefined && old.index === partition.index && old.leaderEpoch > partition.leaderEpoch ? old : partition;
  });
  return { ...fresh, partitions };
}
