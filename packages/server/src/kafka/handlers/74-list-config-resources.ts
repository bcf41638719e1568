import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { listConfigResourcesRequest, listConfigResourcesResponse } from "@tidemq/protocol/messages/74-list-config-resources.ts";
import { QueueError } from "../../base/errors.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { RESOURCE } from "../resources.ts";

/*
 * Behaviour
 * - Topics, brokers and subscriptions to metrics of clients by name; loggers and groups have no options here, so none is listed.
 *   An empty list of kinds asks for all. Other kinds are UNSUPPORTED_VERSION, as with Kafka.
 *
 * Version notes
 * - v0 metrics subscriptions only · v1 kinds
 */

type Resource = Readonly<{ resourceName: string; resourceType: number }>;

const KINDS_SINCE = 1;
const KINDS: ReadonlySet<number> = new Set(Object.values(RESOURCE));

export function listConfigResourcesHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: listConfigResourcesRequest,
    response: listConfigResourcesResponse,
    handle(request, call) {
      const asked = new Set(call.version < KINDS_SINCE ? [RESOURCE.clientMetrics] : request.resourceTypes);
      for (const kind of asked) {
        if (!KINDS.has(kind)) throw new QueueError("NOT_IMPLEMENTED", `Unexpected resource type ${kind}`);
      }
      const configResources = everyResource(parts).filter(({ resourceType }) => asked.size === 0 || asked.has(resourceType));
      return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, configResources };
    },
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, configResources: [] }),
  });
}

function everyResource({ state }: KafkaParts): Resource[] {
  return [
    ...[...state.topicsByName.keys()].map((resourceName) => ({ resourceName, resourceType: RESOURCE.topic })),
    ...[...state.brokers.keys()].map((id) => ({ resourceName: String(id), resourceType: RESOURCE.broker })),
    ...[...state.clientMetrics.keys()].map((resourceName) => ({ resourceName, resourceType: RESOURCE.clientMetrics })),
  ];
}
