import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { describeClusterRequest, describeClusterResponse } from "@tidemq/protocol/messages/60-describe-cluster.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import { CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED } from "../authorized-operations.ts";
import { brokersOf, brokersWithFenced, controllerAmong } from "../broker-endpoints.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Cluster id, the brokers that are alive under the client's listener, the controller (this broker: it does what one does for
 *   clients), and what a client may do (everything, when it asks). Fenced brokers when asked for.
 * - Asked for controllers: MISMATCHED_ENDPOINT_TYPE, since clients reach brokers here.
 *
 * Version notes
 * - v0 flexible already · v1 endpoint type · v2 fenced brokers
 */

type Response = MessageInput<typeof describeClusterResponse>;

const BROKERS = 1;
const CONTROLLERS = 2;

export function describeClusterHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: describeClusterRequest,
    response: describeClusterResponse,
    handle(request, call) {
      if (request.endpointType === CONTROLLERS) {
        return failed(parts, ErrorCode.MISMATCHED_ENDPOINT_TYPE, "The request was sent to an endpoint of the wrong type.");
      }
      if (request.endpointType !== BROKERS) {
        return failed(parts, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE, `Unsupported endpoint type ${request.endpointType}`);
      }
      const alive = brokersOf(parts, call.connection);
      const shown = request.includeFencedBrokers ? brokersWithFenced(parts, call.connection) : alive;
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        clusterId: parts.state.clusterId,
        controllerId: controllerAmong(alive, parts),
        brokers: [...shown.values()].map(({ id, ...endpoint }) => ({ brokerId: id, ...endpoint })),
        clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : OPERATIONS_NOT_ASKED,
      };
    },
    refuse: (_request, code, message) => refusal(code, message),
  });
}

function failed(parts: KafkaParts, code: number, message: string): Response {
  parts.counters.error(code);
  return refusal(code, message);
}

function refusal(errorCode: number, errorMessage: string): Response {
  return { throttleTimeMs: 0, errorCode, errorMessage, clusterId: "", brokers: [] };
}
