import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type AlterConfigsRequest, alterConfigsRequest, alterConfigsResponse } from "@tidemq/protocol/messages/33-alter-configs.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { QueueError } from "../../base/errors.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import { configTopicOf, keyOfResource, resourcesTwice } from "../config-resources.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Topics: what is given is set, everything else goes back to its default; each resource by itself and then as a whole or
 *   not at all. Superseded by IncrementalAlterConfigs, and still what some tools send.
 * - The rest as there: `validateOnly`, the same resource twice, brokers, other kinds.
 *
 * Version notes
 * - v2 flexible
 */

type Resource = AlterConfigsRequest["resources"][number];
type Answer = MessageInput<typeof alterConfigsResponse>["responses"][number];

export function alterConfigsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: alterConfigsRequest,
    response: alterConfigsResponse,
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
    await parts.controller.replaceTopicConfigs(configTopicOf(resource), resource.configs, validateOnly);
    return answer(resource, ErrorCode.NONE, null);
  } catch (thrown) {
    return answer(resource, ...failureOf(parts, thrown, "AlterConfigs"));
  }
}

function answer({ resourceType, resourceName }: Resource, errorCode: number, errorMessage: string | null): Answer {
  return { errorCode, errorMessage, resourceType, resourceName };
}
