import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type CreateTopicsRequest, createTopicsRequest, createTopicsResponse } from "@tidemq/protocol/messages/19-create-topics.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { CreateTopicResult } from "../../controller/requests.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import { layersOf, topicConfigAnswers } from "../config-answers.ts";
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
      const results = await parts.controller.createTopics(request.topics.map(requestOf), request.validateOnly);
      // By name: a later result of the same one says the same.
      const answers = new Map(results.map((result) => [result.name, answerOf(parts, result)]));
      return { throttleTimeMs: 0, topics: [...answers.values()] };
    },
    refuse: (request, code, message) => ({ throttleTimeMs: 0, topics: request.topics.map(({ name }) => refusal(name, code, message)) }),
  });
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
  if (result.error !== undefined) return refusal(result.name, ...failureOf(parts, result.error, "CreateTopics"));
  return {
    name: result.name,
    topicId: result.topicId,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    numPartitions: result.partitions,
    replicationFactor: result.replicationFactor,
    configs: topicConfigAnswers(result.configs, layersOf(parts, parts.options.brokerId)),
  };
}

function refusal(name: string, errorCode: number, errorMessage: string): TopicAnswer {
  return { name, errorCode, errorMessage, configs: null };
}
