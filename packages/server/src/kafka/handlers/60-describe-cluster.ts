import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { describeClusterRequest, describeClusterResponse } from "@tidemq/protocol/messages/60-describe-cluster.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import { CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED } from "../authorized-operations.ts";
import { brokerAddress } from "../broker-address.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Cluster id, the broker, the controller (the same node), and what a client may do (everything, when it asks).
 * - Asked for controllers: MISMATCHED_ENDPOINT_TYPE, since clients reach brokers here.
 *
 * Version notes
 * - v0 flexible already · v1 endpoint type · v2 fenced brokers (there are none)
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
      const { brokerId } = parts.options;
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        clusterId: parts.state.clusterId,
        controllerId: brokerId,
        brokers: [{ brokerId, ...brokerAddress(parts, call.connection) }],
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
