import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type CreateTopicsRequest, createTopicsRequest, createTopicsResponse } from "@tidemq/protocol/messages/19-create-topics.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { CreateTopicResult } from "../../controller/requests.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import { topicConfigAnswers } from "../config-answers.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Each topic by itself: one that is refused does not keep the others from being created. A name that stands in the
 *   request twice is INVALID_REQUEST and answered once, as with Kafka.
 * - −1 as number of partitions or replicas takes the default. With assignments both must be −1.
 * - Answered when the topics exist and are led, or, with validateOnly, would. The timeout is not needed: there is nobody
 *   else to wait for.
 *
 * Version notes
 * - v5 flexible; what the topic became, with all its options · v7 topic ids
 */

type TopicAnswer = MessageInput<typeof createTopicsResponse>["topics"][number];

export function createTopicsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: createTopicsRequest,
    response: createTopicsResponse,
    async handle(request) {
      const twice = namesTwice(request);
      const wanted = request.topics.filter(({ name }) => !twice.has(name));
      const created = await parts.controller.createTopics(wanted.map(requestOf), request.validateOnly);
      const results = created.values();
      return {
        throttleTimeMs: 0,
        topics: [...new Set(request.topics.map(({ name }) => name))].map((name) => {
          if (twice.has(name)) return failed(parts, name, ErrorCode.INVALID_REQUEST, "Duplicate topic name.");
          return answerOf(parts, results.next().value as CreateTopicResult);
        }),
      };
    },
    refuse: (request, code, message) => ({ throttleTimeMs: 0, topics: request.topics.map(({ name }) => refusal(name, code, message)) }),
  });
}

function namesTwice(request: CreateTopicsRequest): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { name } of request.topics) (seen.has(name) ? twice : seen).add(name);
  return twice;
}

function requestOf(topic: CreateTopicsRequest["topics"][number]) {
  const { name, numPartitions, replicationFactor, assignments, configs } = topic;
  return {
    name,
    partitions: numPartitions,
    replicationFactor,
    assignments: assignments.map(({ partitionIndex, brokerIds }) => ({ partition: partitionIndex, brokers: brokerIds })),
    configs,
  };
}

function answerOf(parts: KafkaParts, result: CreateTopicResult): TopicAnswer {
  if (result.error !== undefined) return failed(parts, result.name, result.error.kafka, result.error.message);
  return {
    name: result.name,
    topicId: result.topicId,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    numPartitions: result.partitions,
    replicationFactor: result.replicationFactor,
    configs: topicConfigAnswers(result.configs),
  };
}

function failed(parts: KafkaParts, name: string, code: number, message: string): TopicAnswer {
  parts.counters.error(code);
  return refusal(name, code, message);
}

function refusal(name: string, errorCode: number, errorMessage: string): TopicAnswer {
  return { name, errorCode, errorMessage, configs: null };
}
