import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import {
  type DescribeTopicPartitionsRequest,
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from "@tidemq/protocol/messages/75-describe-topic-partitions.ts";
import { type MessageInput, ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { QueueError } from "../../base/errors.ts";
import type { PartitionState, TopicState } from "../../cluster/cluster-state.ts";
import { topicNameProblem } from "../../controller/topic-names.ts";
import { type ApiHandler, type Call, declaredApi } from "../api-handler.ts";
import { OPERATIONS_NOT_ASKED, TOPIC_OPERATIONS } from "../authorized-operations.ts";
import { type BrokerEndpoints, brokersOf } from "../broker-endpoints.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { DESCRIBED_PARTITIONS_MAX } from "../limits.ts";
import { topologyOf } from "../partition-topology.ts";

/*
 * Behaviour
 * - Topics in the order of their names, from the cursor on, until the client's limit or ours is reached; the cursor of the
 *   answer says where to go on. No topics asked for: all.
 * - A partition without a leader, or whose leader has no listener for this client, says so; as Metadata does.
 * - The smallest page is one partition: a limit below that counts as ours.
 *
 * Version notes
 * - v0 flexible already
 */

type Response = MessageInput<typeof describeTopicPartitionsResponse>;
type TopicAnswer = Response["topics"][number];
type Cursor = NonNullable<DescribeTopicPartitionsRequest["cursor"]>;

export function describeTopicPartitionsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: describeTopicPartitionsRequest,
    response: describeTopicPartitionsResponse,
    handle: (request, call) => page(parts, request, call),
    refuse: (request, code) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name }) => failedTopic(name, code)),
      nextCursor: null,
    }),
  });
}

function page(parts: KafkaParts, request: DescribeTopicPartitionsRequest, call: Call): Response {
  const { cursor, responsePartitionLimit } = request;
  if (cursor !== null && cursor.partitionIndex < 0) {
    throw new QueueError("INVALID_REQUEST", `DescribeTopicPartitionsRequest cursor partition must be valid: ${cursor.partitionIndex}`);
  }
  let room = responsePartitionLimit < 1 ? DESCRIBED_PARTITIONS_MAX : Math.min(responsePartitionLimit, DESCRIBED_PARTITIONS_MAX);
  const brokers = brokersOf(parts, call.connection);
  const topics: TopicAnswer[] = [];
  for (const name of namesFrom(parts, request)) {
    if (room === 0) return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    const topic = parts.state.topicsByName.get(name);
    if (topic === undefined) {
      topics.push(missingTopic(parts, name));
      continue;
    }
    const from = cursor?.topicName === name ? cursor.partitionIndex : 0;
    const answered = topicAnswer(topic, parts.state.partitionsOf(topic).slice(from, from + room), brokers);
    topics.push(answered);
    room -= answered.partitions.length;
    const next = from + answered.partitions.length;
    if (next < topic.partitions.length) return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: next } };
  }
  return { throttleTimeMs: 0, topics, nextCursor: null };
}

function namesFrom({ state }: KafkaParts, { topics, cursor }: DescribeTopicPartitionsRequest): string[] {
  const names = topics.length === 0 ? [...state.topicsByName.keys()] : [...new Set(topics.map(({ name }) => name))];
  return names.filter((name) => isFrom(name, cursor)).sort();
}

function isFrom(name: string, cursor: Cursor | null): boolean {
  return cursor === null || name >= cursor.topicName;
}

function topicAnswer(topic: TopicState, partitions: readonly PartitionState[], brokers: BrokerEndpoints): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    partitions: partitions.map((partition) => ({ ...topologyOf(partition, brokers), eligibleLeaderReplicas: [], lastKnownElr: [] })),
    topicAuthorizedOperations: TOPIC_OPERATIONS,
  };
}

function missingTopic(parts: KafkaParts, name: string): TopicAnswer {
  const code = topicNameProblem(name) === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION;
  parts.counters.error(code);
  return failedTopic(name, code);
}

function failedTopic(name: string, errorCode: number): TopicAnswer {
  return { errorCode, name, topicId: ZERO_UUID, partitions: [], topicAuthorizedOperations: OPERATIONS_NOT_ASKED };
}
