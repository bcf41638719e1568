import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { API, type Api, type BodyFor, type ResponseBody } from "./apis.ts";
import type { Cluster } from "./cluster.ts";
import type { RequestOptions } from "./connection.ts";
import { brokerError, ClientError } from "./errors.ts";
import { listOffsets, type OffsetAnswer, type OffsetQuestion } from "./list-offsets.ts";
import type { PartitionMetadata } from "./metadata.ts";
import { retrying } from "./retry.ts";
import { type Address, addressText } from "./transport.ts";

/** First version of DeleteTopics that names topics in a structure. */
const DELETE_TOPICS_WITH_IDS = 6;

const RESOURCE_TYPES = { topic: 2, broker: 4 } as const;
const OPERATIONS = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

const CONFIG_SOURCES = [
  "unknown",
  "topic",
  "dynamic-broker",
  "dynamic-default-broker",
  "static-broker",
  "default",
  "broker-logger",
  "client-metrics",
  "group",
];

export type NewTopic = Readonly<{
  name: string;
  /** −1: the broker's default. */
  partitions?: number;
  /** −1: the broker's default. */
  replicationFactor?: number;
  configs?: Readonly<Record<string, string>>;
  validateOnly?: boolean;
  /** Wait until every partition has a leader (default), so that the next call finds it. */
  waitUntilLed?: boolean;
}>;

/** −1 where the broker is too old to say. */
export type CreatedTopic = Readonly<{ name: string; topicId: string; partitions: number; replicationFactor: number }>;

export type ListedTopic = Readonly<{
  name: string;
  topicId: string;
  isInternal: boolean;
  partitions: number;
  /** Partitions that nobody leads at the moment. */
  leaderless: number;
  replicationFactor: number;
  errorCode: number;
}>;

export type DescribedTopic = Readonly<{ name: string; topicId: string; isInternal: boolean; partitions: readonly PartitionMetadata[] }>;

export type Resource = Readonly<{ type: keyof typeof RESOURCE_TYPES; name: string }>;

/** `source`: who set it, such as `topic` or `default`. A sensitive value is null. */
export type ConfigEntry = Readonly<{
  name: string;
  value: string | null;
  source: string;
  isReadOnly: boolean;
  isSensitive: boolean;
  documentation: string | undefined;
}>;

export type ConfigChange = Readonly<{ name: string; operation: keyof typeof OPERATIONS; value?: string }>;

export type DescribedCluster = Readonly<{
  clusterId: string;
  controllerId: number;
  brokers: readonly Readonly<{ nodeId: number; address: Address; rack: string | undefined }>[];
}>;

/** Topics, their options, offsets, and the cluster. Every method throws `ClientError`. */
export class Admin {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_CONFIG, … */
  async createTopic(topic: NewTopic): Promise<CreatedTopic> {
    const configs = Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value }));
    const { name, partitions = -1, replicationFactor = -1, validateOnly = false } = topic;
    const body = {
      topics: [{ name, numPartitions: partitions, replicationFactor, assignments: [], configs }],
      timeoutMs: this.#cluster.options.requestTimeoutMs,
      validateOnly,
    };
    const answer = await this.#change(API.createTopics, body, (response) => {
      const result = only(response.topics, `create topic ${name}`);
      refuse(result.errorCode, `create topic ${name}`, result.errorMessage, name);
      return { name, topicId: result.topicId, partitions: result.numPartitions, replicationFactor: result.replicationFactor };
    });
    if (!validateOnly && topic.waitUntilLed !== false) await this.#waitUntilLed(name, answer.partitions);
    return answer;
  }

  /** UNKNOWN_TOPIC_OR_PARTITION, … */
  async deleteTopic(name: string): Promise<void> {
    const timeoutMs = this.#cluster.options.requestTimeoutMs;
    const body: BodyFor<typeof API.deleteTopics> = (version) =>
      version >= DELETE_TOPICS_WITH_IDS ? { topics: [{ name, topicId: ZERO_UUID }], timeoutMs } : { topicNames: [name], timeoutMs };
    await this.#change(API.deleteTopics, body, (response) => {
      const result = only(response.responses, `delete topic ${name}`);
      refuse(result.errorCode, `delete topic ${name}`, result.errorMessage, name);
    });
    this.#cluster.forget(name);
  }

  /** Grows the topic to `total` partitions. INVALID_PARTITIONS when it has as many or more. */
  async addPartitions(name: string, total: number, validateOnly = false): Promise<void> {
    const body = { topics: [{ name, count: total, assignments: null }], timeoutMs: this.#cluster.options.requestTimeoutMs, validateOnly };
    await this.#change(API.createPartitions, body, (response) => {
      const result = only(response.results, `add partitions to ${name}`);
      refuse(result.errorCode, `add partitions to ${name}`, result.errorMessage, name);
    });
    this.#cluster.markStale();
    if (!validateOnly) await this.#waitUntilLed(name, total);
  }

  /** All topics, by name. */
  async listTopics(): Promise<ListedTopic[]> {
    const answer = await this.#cluster.request(API.metadata, (version) => ({
      topics: version === 0 ? [] : null,
      ...(version >= 4 ? { allowAutoTopicCreation: false } : {}),
    }));
    if (answer.errorCode !== ErrorCode.NONE) throw brokerError(answer.errorCode, "list topics");
    return answer.topics
      .map((topic) => ({
        name: topic.name ?? "",
        topicId: topic.topicId,
        isInternal: topic.isInternal,
        partitions: topic.partitions.length,
        leaderless: topic.partitions.filter(({ leaderId }) => leaderId < 0).length,
        replicationFactor: topic.partitions[0]?.replicaNodes.length ?? 0,
        errorCode: topic.errorCode,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Partitions with leaders and replicas, as of now. UNKNOWN_TOPIC_OR_PARTITION. */
  async describeTopic(name: string): Promise<DescribedTopic> {
    this.#cluster.markStale();
    const [topic] = await this.#cluster.topics([name]);
    const { topicId, isInternal, partitions } = topic as NonNullable<typeof topic>;
    return { name, topicId, isInternal, partitions };
  }

  /** @param names These options only; all when absent. */
  async describeConfigs(resource: Resource, names?: readonly string[]): Promise<ConfigEntry[]> {
    const what = `describe options of ${resource.type} ${resource.name}`;
    const resources = [{ resourceType: RESOURCE_TYPES[resource.type], resourceName: resource.name, configurationKeys: names ?? null }];
    const answer = await this.#ofResource(resource, API.describeConfigs, { resources });
    const result = only(answer.results, what);
    refuse(result.errorCode, what, result.errorMessage);
    return result.configs.map((entry) => ({
      name: entry.name,
      value: entry.value,
      source: CONFIG_SOURCES[entry.configSource] ?? "unknown",
      isReadOnly: entry.readOnly,
      isSensitive: entry.isSensitive,
      documentation: entry.documentation ?? undefined,
    }));
  }

  /** Changes single options, all or none of one resource. INVALID_CONFIG, … */
  async alterConfigs(resource: Resource, changes: readonly ConfigChange[], validateOnly = false): Promise<void> {
    const what = `change options of ${resource.type} ${resource.name}`;
    const configs = changes.map((change) => ({
      name: change.name,
      configOperation: OPERATIONS[change.operation],
      value: change.value ?? null,
    }));
    const resources = [{ resourceType: RESOURCE_TYPES[resource.type], resourceName: resource.name, configs }];
    const answer = await this.#ofResource(resource, API.incrementalAlterConfigs, { resources, validateOnly });
    const result = only(answer.responses, what);
    refuse(result.errorCode, what, result.errorMessage);
  }

  /** Offsets of any partitions, answers in the order of the questions. */
  listOffsets(questions: readonly OffsetQuestion[]): Promise<OffsetAnswer[]> {
    return listOffsets(this.#cluster, questions);
  }

  async describeCluster(): Promise<DescribedCluster> {
    const answer = await this.#cluster.request(API.describeCluster, { includeClusterAuthorizedOperations: false });
    if (answer.errorCode !== ErrorCode.NONE) throw brokerError(answer.errorCode, "describe the cluster", answer.errorMessage);
    return {
      clusterId: answer.clusterId,
      controllerId: answer.controllerId,
      brokers: answer.brokers.map((broker) => ({
        nodeId: broker.brokerId,
        address: { host: broker.host, port: broker.port },
        rack: broker.rack ?? undefined,
      })),
    };
  }

  /**
   * Any request, as it is: for tools and tests. Sent once, to any broker or to the one named; error codes in the answer are the caller's.
   *
   * @param version Exactly this one; the newest that both sides know when absent.
   */
  async request<A extends Api>(api: A, version: number | undefined, body: BodyFor<A>, nodeId?: number): Promise<ResponseBody<A>> {
    const options: RequestOptions = version === undefined ? {} : { version };
    if (nodeId !== undefined && !this.#cluster.metadata.brokers.has(nodeId)) await this.#cluster.refresh();
    const connection = nodeId === undefined ? await this.#cluster.anyConnection() : await this.#cluster.connection(nodeId, "control");
    return connection.request(api, body, options);
  }

  /**
   * Sends a change to the controller. Only what says that nothing happened is tried again: a lost connection or a
   * time-out is reported, since a second attempt could meet the success of the first.
   */
  #change<A extends Api, T>(api: A, body: BodyFor<A>, read: (response: ResponseBody<A>) => T): Promise<T> {
    const attempt = async (): Promise<T> => read(await this.#cluster.requestController(api, body));
    return this.#cluster.retry(attempt, (error) => {
      if (error.kafkaCode === ErrorCode.NOT_CONTROLLER) this.#cluster.markStale();
      return error.retriable && error.code !== "CONNECTION_CLOSED" && error.code !== "REQUEST_TIMED_OUT";
    });
  }

  /** A broker's options are that broker's to tell; a topic's any broker's. */
  async #ofResource<A extends Api>(resource: Resource, api: A, body: BodyFor<A>): Promise<ResponseBody<A>> {
    if (resource.type !== "broker" || resource.name === "") return this.#cluster.request(api, body);
    const nodeId = Number(resource.name);
    if (!this.#cluster.metadata.brokers.has(nodeId)) await this.#cluster.refresh();
    return (await this.#cluster.connection(nodeId, "control")).request(api, body);
  }

  /** @param partitions How many there must be at least; −1: any. */
  async #waitUntilLed(name: string, partitions: number): Promise<void> {
    const attempt = async (): Promise<void> => {
      this.#cluster.markStale();
      const [topic] = await this.#cluster.topics([name]);
      const led = topic?.partitions.filter((partition) => partition.leader >= 0).length ?? 0;
      if (led > 0 && led === topic?.partitions.length && led >= partitions) return;
      const text = `topic ${name} exists, but ${Math.max(partitions, topic?.partitions.length ?? 0) - led} of its partitions have no leader yet`;
      throw new ClientError({ kafka: ErrorCode.LEADER_NOT_AVAILABLE }, text, { topic: name });
    };
    // It was created, so it exists, whoever does not know it yet.
    const isRetriable = (error: ClientError): boolean => error.retriable || error.kafkaCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    await retrying(this.#cluster.retryParts, this.#cluster.options.operationTimeoutMs, attempt, isRetriable);
  }
}

/** `HOST:PORT` of a broker, for tables. */
export function brokerText(broker: DescribedCluster["brokers"][number]): string {
  return addressText(broker.address);
}

function only<T>(results: readonly T[], what: string): T {
  const result = results[0];
  if (result === undefined) throw new ClientError("MALFORMED_RESPONSE", `${what}: the broker's answer is empty`);
  return result;
}

function refuse(errorCode: number, what: string, detail: string | null, topic?: string): void {
  if (errorCode !== ErrorCode.NONE) throw brokerError(errorCode, what, detail, topic === undefined ? {} : { topic });
}
