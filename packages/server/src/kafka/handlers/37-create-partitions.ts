import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import {
  type CreatePartitionsRequest,
  createPartitionsRequest,
  createPartitionsResponse,
} from "@tidemq/protocol/messages/37-create-partitions.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { CreatePartitionsResult } from "../../controller/requests.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - `count` is the number of partitions afterwards; a topic only grows (INVALID_PARTITIONS otherwise).
 * - Each topic by itself; one that stands in the request twice is INVALID_REQUEST both times.
 *
 * Version notes
 * - v1 as v0 · v2 flexible · v3 as v2
 */

type Answer = MessageInput<typeof createPartitionsResponse>["results"][number];

export function createPartitionsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: createPartitionsRequest,
    response: createPartitionsResponse,
    async handle(request) {
      const results = await parts.controller.createPartitions(request.topics.map(requestOf), request.validateOnly);
      return { throttleTimeMs: 0, results: results.map((result) => answerOf(parts, result)) };
    },
    refuse: (request, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      results: request.topics.map(({ name }) => ({ name, errorCode, errorMessage })),
    }),
  });
}

function requestOf({ name, count, assignments }: CreatePartitionsRequest["topics"][number]) {
  return { name, count, assignments: assignments?.map(({ brokerIds }) => brokerIds) };
}

function answerOf(parts: KafkaParts, { name, error }: CreatePartitionsResult): Answer {
  if (error === undefined) return { name, errorCode: ErrorCode.NONE };
  const [errorCode, errorMessage] = failureOf(parts, error, "CreatePartitions");
  return { name, errorCode, errorMessage };
}
