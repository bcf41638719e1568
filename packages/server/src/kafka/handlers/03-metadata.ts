import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type MetadataRequest, metadataRequest, metadataResponse } from "@tidemq/protocol/messages/03-metadata.ts";
import { type MessageInput, ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { NO_LEADER, type TopicState } from "../../cluster/cluster-state.ts";
import type { Effect } from "../../cluster/effects.ts";
import { topicNameProblem } from "../../controller/topic-names.ts";
import { AnswerCache } from "../answer-cache.ts";
import { type ApiHandler, type Call, declaredApi, failureOf } from "../api-handler.ts";
import { CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED, TOPIC_OPERATIONS } from "../authorized-operations.ts";
import { brokerAddress } from "../broker-address.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { AUTO_CREATED_TOPICS_MAX } from "../limits.ts";
import { topologyOf } from "../partition-topology.ts";

/*
 * Behaviour
 * - All topics, or those asked for by name or id. A topic is listed only when it is led: until then it is left out of the
 *   whole list, and is LEADER_NOT_AVAILABLE when asked for. A partition without a leader says so by itself.
 * - An unknown name is created with the defaults, when client and broker both allow it, and then answered like any other.
 * - What is no topic name is INVALID_TOPIC_EXCEPTION.
 * - The answer with all topics is kept encoded until something in it changes.
 * - The broker's address is the configured one, else the one that the client reached.
 * - Nothing restricts anybody yet: authorized operations are all there are.
 *
 * Version notes
 * - v0 an empty list asks for all topics, from v1 null does · v4 auto-creation may be forbidden · v5 offline replicas
 * - v7 leader epoch · v8–10 cluster operations · v9 flexible · v10 topic ids · v12 topics by id · v13 error for all
 */

type Response = MessageInput<typeof metadataResponse>;
type TopicAnswer = Response["topics"][number];
type Asked = NonNullable<MetadataRequest["topics"]>[number];

const BY_ID_SINCE = 12;
/** Changes that can be seen in an answer. */
const TOPOLOGY_EFFECTS: ReadonlySet<Effect["kind"]> = new Set([
  "broker-registered",
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
      return { ...cluster(parts, request, call), topics, errorCode: code };
    },
  });
}

function respond(parts: KafkaParts, request: MetadataRequest, call: Call, failures: ReadonlyMap<string, number>): Response {
  return { ...cluster(parts, request, call), topics: topicsOf(parts, request, call.version, failures) };
}

/** Whatever the answer with all topics depends on, beside the topology. */
function allTopicsKey(parts: KafkaParts, request: MetadataRequest, call: Call): string {
  const { includeClusterAuthorizedOperations, includeTopicAuthorizedOperations } = request;
  const { host, port } = brokerAddress(parts, call.connection);
  return `${call.version} ${includeClusterAuthorizedOperations} ${includeTopicAuthorizedOperations} ${host}:${port}`;
}

function cluster(parts: KafkaParts, request: MetadataRequest, call: Call): Omit<Response, "topics"> {
  const { brokerId } = parts.options;
  const { host, port } = brokerAddress(parts, call.connection);
  return {
    brokers: [{ nodeId: brokerId, host, port }],
    clusterId: parts.state.clusterId,
    controllerId: brokerId,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : OPERATIONS_NOT_ASKED,
  };
}

function asksForAll({ topics }: MetadataRequest, version: number): boolean {
  return topics === null || (version === 0 && topics.length === 0);
}

function topicsOf(parts: KafkaParts, request: MetadataRequest, version: number, failures: ReadonlyMap<string, number>): TopicAnswer[] {
  const operations = request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : OPERATIONS_NOT_ASKED;
  const found = asksForAll(request, version)
    ? [...parts.state.topicsByName.values()].map((topic) => topicAnswer(parts, topic)).filter((topic) => topic.errorCode === ErrorCode.NONE)
    : (request.topics ?? []).map((asked) => askedTopic(parts, asked, version, failures));
  return found.map((topic) => ({
    ...topic,
    topicAuthorizedOperations: topic.errorCode === ErrorCode.NONE ? operations : OPERATIONS_NOT_ASKED,
  }));
}

function askedTopic(parts: KafkaParts, asked: Asked, version: number, failures: ReadonlyMap<string, number>): TopicAnswer {
  const { name, topicId } = asked;
  const topic = name === null || topicId !== ZERO_UUID ? parts.state.topicById(topicId) : parts.state.topicsByName.get(name);
  if (name === null && version < BY_ID_SINCE) return failed(parts, "", topicId, ErrorCode.INVALID_REQUEST);
  if (topic !== undefined) return topicAnswer(parts, topic);
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

/** With LEADER_NOT_AVAILABLE when nobody leads any of its partitions yet. */
function topicAnswer(parts: KafkaParts, topic: TopicState): TopicAnswer {
  const partitions = parts.state.partitionsOf(topic);
  if (partitions.every(({ leader }) => leader === NO_LEADER)) return failedTopic(topic.name, topic.id, ErrorCode.LEADER_NOT_AVAILABLE);
  return { errorCode: ErrorCode.NONE, name: topic.name, topicId: topic.id, partitions: partitions.map(topologyOf) };
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
