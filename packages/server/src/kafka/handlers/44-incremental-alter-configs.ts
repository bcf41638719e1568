import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import {
  type IncrementalAlterConfigsRequest,
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from "@tidemq/protocol/messages/44-incremental-alter-configs.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { QueueError } from "../../base/errors.ts";
import type { ConfigOperation } from "../../controller/requests.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import { configTopicOf, keyOfResource, resourcesTwice } from "../config-resources.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Topics: set, delete, append, subtract, each resource by itself and then as a whole or not at all. Answered when the
 *   partitions act on it. `validateOnly` changes nothing.
 * - The same resource twice, or the same option twice in one, is INVALID_REQUEST, as in Kafka.
 * - Brokers: their options cannot be changed while they run, INVALID_REQUEST says so. Other kinds are INVALID_REQUEST too.
 *
 * Version notes
 * - v1 flexible
 */

type Resource = IncrementalAlterConfigsRequest["resources"][number];
type Answer = MessageInput<typeof incrementalAlterConfigsResponse>["responses"][number];

const OPERATIONS = ["set", "delete", "append", "subtract"] as const;

export function incrementalAlterConfigsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: incrementalAlterConfigsRequest,
    response: incrementalAlterConfigsResponse,
    async handle(request) {
      const twice = resourcesTwice(request.resources);
      const responses: Answer[] = [];
      for (const resource of request.resources) responses.push(await alter(parts, resource, twice, request.validateOnly));
      return { throttleTimeMs: 0, responses };
    },
    refuse: (request, code, message) => ({
      throttleTimeMs: 0,
      responses: request.resources.map((resource) => answer(resource, code, message)),
    }),
  });
}

async function alter(parts: KafkaParts, resource: Resource, twice: ReadonlySet<string>, validateOnly: boolean): Promise<Answer> {
  try {
    if (twice.has(keyOfResource(resource))) throw new QueueError("INVALID_REQUEST", "Each resource must appear at most once.");
    await parts.controller.alterTopicConfigs(configTopicOf(resource), operationsOf(resource), validateOnly);
    return answer(resource, ErrorCode.NONE, null);
  } catch (thrown) {
    return answer(resource, ...failureOf(parts, thrown, "IncrementalAlterConfigs"));
  }
}

function operationsOf({ configs }: Resource): ConfigOperation[] {
  return configs.map(({ name, configOperation, value }) => {
    const operation = OPERATIONS[configOperation];
    if (operation === undefined) throw new QueueError("INVALID_REQUEST", `Unknown operation type ${configOperation}`);
    return { name, operation, value };
  });
}

function answer({ resourceType, resourceName }: Resource, errorCode: number, errorMessage: string | null): Answer {
  return { errorCode, errorMessage, resourceType, resourceName };
}
