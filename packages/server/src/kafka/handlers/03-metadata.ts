import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type MetadataRequest, metadataRequest, metadataResponse } from "@tidemq/protocol/messages/03-metadata.ts";
import { type MessageInput, ZERO_UUID } from "@tidemq/protocol/schema.ts";
import type { TopicState } from "../../cluster/cluster-state.ts";
import type { Effect } from "../../cluster/effects.ts";
import { topicNameProblem } from "../../controller/topic-names.ts";
import { AnswerCache } from "../answer-cache.ts";
import { type ApiHandler, type Call, declaredApi, failureOf } from "../api-handler.ts";
import { CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED, TOPIC_OPERATIONS } from "../authorized-operations.ts";
import { type BrokerEndpoints, brokersOf, controllerAmong, ownAddress } from "../broker-endpoints.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { AUTO_CREATED_TOPICS_MAX } from "../limits.ts";
import { isUnled, topologyOf } from "../partition-topology.ts";

/*
 * Behaviour
 * - The brokers that are alive, each where it is reached through the listener that the client came in by; a broker without such a
 *   listener is left out, and what it leads is LISTENER_NOT_FOUND (before v6 LEADER_NOT_AVAILABLE).
 * - All topics, or those asked for by name or id. A partition without a leader says so by itself. A topic is left out of the whole
 *   list, and is LEADER_NOT_AVAILABLE when asked for, until it has been led, and when the logs of all its partitions are lost.
 * - An unknown name is created with the defaults, when client and broker both allow it, and then answered like any other.
 * - What is no topic name is INVALID_TOPIC_EXCEPTION.
 * - The answer with all topics is kept encoded until something in it changes.
 * - This broker's address is the configured one, else the registered one, else the one that the client reached. It is the
 *   controller, too: every broker does what a controller does for clients.
 * - Nothing restricts anybody yet: authorized operations are all there are.
 *
 * Version notes
 * - v0 an empty list asks for all topics, from v1 null does · v4 auto-creation may be forbidden · v5 offline replicas
 * - v7 leader epoch · v8–10 cluster operations · v9 flexible · v10 topic ids · v12 topics by id · v13 error for all
 */

type Response = MessageInput<typeof metadataResponse>;
type TopicAnswer = Response["topics"][number];
type Asked = NonNullable<MetadataRequest["topics"]>[number];

const LISTENER_NOT_FOUND_SINCE = 6;
const BY_ID_SINCE = 12;
/** Changes that can be seen in an answer. */
const TOPOLOGY_EFFECTS: ReadonlySet<Effect["kind"]> = new Set([
  "broker-registered",
  "broker-fenced",
  "broker-unfenced",
  "topic-created",
  "topic-deleted",
  "partition-created",
  "leader-changed",
  "in-sync-changed",
] as const);

/** As many partitions and replicas as the broker is configured to give. */
const DEFAULT_COUNT = -1;

export function metadataHandler(parts: KafkaParts): ApiHandler {
  const cache = new AnswerCache();
  parts.controller.onApplied((effects) => {
    if (effects.some(({ kind }) => TOPOLOGY_EFFECTS.has(kind))) cache.clear();
  });
  return declaredApi(parts, {
    request: metadataRequest,
    response: metadataResponse,
    cache,
    cacheKey: (request, call) => (asksForAll(request, call.version) ? allTopicsKey(parts, request, call) : undefined),
    handle(request, call) {
      const missing = namesToCreate(parts, request);
      if (missing.length === 0) return respond(parts, request, call, new Map());
      return createMissing(parts, missing).then((failures) => respond(parts, request, call, failures));
    },
    refuse(request, code, _message, call) {
      const topics = (request.topics ?? []).map(({ name, topicId }) => failedTopic(name, topicId, code));
      return { ...cluster(parts, request, brokersOf(parts, call.connection)), topics, errorCode: code };
    },
  });
}

function respond(parts: KafkaParts, request: MetadataRequest, call: Call, failures: ReadonlyMap<string, number>): Response {
  const brokers = brokersOf(parts, call.connection);
  return { ...cluster(parts, request, brokers), topics: topicsOf({ parts, brokers, version: call.version, failures }, request) };
}

/** Whatever the answer with all topics depends on, beside the topology. */
function allTopicsKey(parts: KafkaParts, request: MetadataRequest, call: Call): string {
  const { includeClusterAuthorizedOperations, includeTopicAuthorizedOperations } = request;
  const { host, port } = ownAddress(parts, call.connection);
  const { listenerName } = call.connection;
  return `${call.version} ${includeClusterAuthorizedOperations} ${includeTopicAuthorizedOperations} ${host}:${port} ${listenerName}`;
}

function cluster(parts: KafkaParts, request: MetadataRequest, brokers: BrokerEndpoints): Omit<Response, "topics"> {
  return {
    brokers: [...brokers.values()].map(({ id, host, port, rack }) => ({ nodeId: id, host, port, rack })),
    clusterId: parts.state.clusterId,
    controllerId: controllerAmong(brokers, parts),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : OPERATIONS_NOT_ASKED,
  };
}

function asksForAll({ topics }: MetadataRequest, version: number): boolean {
  return topics === null || (version === 0 && topics.length === 0);
}

/** What topics are told by. `failures`: error code of every name that could not be created. */
type Scope = Readonly<{ parts: KafkaParts; brokers: BrokerEndpoints; version: number; failures: ReadonlyMap<string, number> }>;

function topicsOf(scope: Scope, request: MetadataRequest): TopicAnswer[] {
  const { parts, version } = scope;
  const operations = request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : OPERATIONS_NOT_ASKED;
  const found = asksForAll(request, version)
    ? [...parts.state.topicsByName.values()].map((topic) => topicAnswer(scope, topic)).filter((topic) => topic.errorCode === ErrorCode.NONE)
    : (request.topics ?? []).map((asked) => askedTopic(scope, asked));
  return found.map((topic) => ({
    ...topic,
    topicAuthorizedOperations: topic.errorCode === ErrorCode.NONE ? operations : OPERATIONS_NOT_ASKED,
  }));
}

function askedTopic(scope: Scope, asked: Asked): TopicAnswer {
  const { parts, version, failures } = scope;
  const { name, topicId } = asked;
  const topic = name === null || topicId !== ZERO_UUID ? parts.state.topicById(topicId) : parts.state.topicsByName.get(name);
  if (name === null && version < BY_ID_SINCE) return failed(parts, "", topicId, ErrorCode.INVALID_REQUEST);
  if (topic !== undefined) return topicAnswer(scope, topic);
  if (name === null || topicId !== ZERO_UUID) return failed(parts, name, topicId, ErrorCode.UNKNOWN_TOPIC_ID);
  const notCreated = failures.get(name);
  return notCreated === undefined ? failed(parts, name, topicId, missingCode(name)) : failedTopic(name, topicId, notCreated);
}

function missingCode(name: string): number {
  return topicNameProblem(name) === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION;
}

function failed(parts: KafkaParts, name: string | null, topicId: string, code: number): TopicAnswer {
  parts.counters.error(code);
  return failedTopic(name, topicId, code);
}

function failedTopic(name: string | null, topicId: string, errorCode: number): TopicAnswer {
  return { errorCode, name, topicId, partitions: [] };
}

/** With LEADER_NOT_AVAILABLE when nothing of it can be led. */
function topicAnswer({ parts, brokers, version }: Scope, topic: TopicState): TopicAnswer {
  const partitions = parts.state.partitionsOf(topic);
  if (partitions.every(isUnled)) return failedTopic(topic.name, topic.id, ErrorCode.LEADER_NOT_AVAILABLE);
  const answers = partitions.map((partition) => topologyOf(partition, brokers));
  const told = version >= LISTENER_NOT_FOUND_SINCE ? answers : answers.map(withoutListenerCode);
  return { errorCode: ErrorCode.NONE, name: topic.name, topicId: topic.id, partitions: told };
}

function withoutListenerCode<P extends Readonly<{ errorCode: number }>>(partition: P): P {
  if (partition.errorCode !== ErrorCode.LISTENER_NOT_FOUND) return partition;
  return { ...partition, errorCode: ErrorCode.LEADER_NOT_AVAILABLE };
}

function namesToCreate(parts: KafkaParts, request: MetadataRequest): string[] {
  if (!request.allowAutoTopicCreation || !parts.options.autoCreateTopics || request.topics === null) return [];
  const names = new Set<string>();
  for (const { name, topicId } of request.topics) {
    if (name !== null && topicId === ZERO_UUID && !parts.state.topicsByName.has(name)) names.add(name);
  }
  return [...names].slice(0, AUTO_CREATED_TOPICS_MAX);
}

/** Returns the error code of every name that did not become a topic. Somebody else may have been faster: that is none. */
async function createMissing(parts: KafkaParts, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const requests = names.map((name) => ({
    name,
    partitions: DEFAULT_COUNT,
    replicationFactor: DEFAULT_COUNT,
    assignments: [],
    configs: [],
  }));
  const failures = new Map<string, number>();
  for (const { name, error } of await parts.controller.createTopics(requests, false)) {
    if (error !== undefined && error.code !== "TOPIC_EXISTS") failures.set(name, failureOf(parts, error, "Metadata")[0]);
  }
  return failures;
}
