import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import {
  type CreatePartitionsRequest,
  createPartitionsRequest,
  createPartitionsResponse,
} from "@tidemq/protocol/messages/37-create-partitions.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { CreatePartitionsResult } from "../../controller/requests.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
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
      const twice = namesTwice(request);
      const wanted = request.topics.filter(({ name }) => !twice.has(name));
      const grown = await parts.controller.createPartitions(wanted.map(requestOf), request.validateOnly);
      const results = grown.values();
      return {
        throttleTimeMs: 0,
        results: request.topics.map(({ name }) => {
          if (twice.has(name)) return failed(parts, name, ErrorCode.INVALID_REQUEST, "Duplicate topic name.");
          const { error } = results.next().value as CreatePartitionsResult;
          return error === undefined ? { name, errorCode: ErrorCode.NONE } : failed(parts, name, error.kafka, error.message);
        }),
      };
    },
    refuse: (request, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      results: request.topics.map(({ name }) => ({ name, errorCode, errorMessage })),
    }),
  });
}

function namesTwice(request: CreatePartitionsRequest): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { name } of request.topics) (seen.has(name) ? twice : seen).add(name);
  return twice;
}

function requestOf({ name, count, assignments }: CreatePartitionsRequest["topics"][number]) {
  return { name, count, assignments: assignments?.map(({ brokerIds }) => brokerIds) };
}

function failed(parts: KafkaParts, name: string, errorCode: number, errorMessage: string): Answer {
  parts.counters.error(errorCode);
  return { name, errorCode, errorMessage };
}
