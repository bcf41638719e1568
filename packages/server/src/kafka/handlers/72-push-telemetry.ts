import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { pushTelemetryRequest, pushTelemetryResponse } from "@tidemq/protocol/messages/72-push-telemetry.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import { clientSourceOf } from "../client-source.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - What is taken is shown on /metrics in the place of what the client pushed before.
 * - INVALID_REQUEST without an id, or after a terminating push · THROTTLING_QUOTA_EXCEEDED before the interval is over, unless it
 *   terminates · UNKNOWN_SUBSCRIPTION_ID when the subscriptions changed · UNSUPPORTED_COMPRESSION_TYPE ·
 *   TELEMETRY_TOO_LARGE, also decompressed · INVALID_RECORD for what is no OpenTelemetry: the client stops pushing.
 *
 * Version notes
 * - v0 flexible already
 */

export function pushTelemetryHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: pushTelemetryRequest,
    response: pushTelemetryResponse,
    handle({ clientInstanceId, subscriptionId, terminating, compressionType, metrics }, { connection }) {
      const push = { clientInstanceId, subscriptionId, isTerminating: terminating, compression: compressionType, metrics };
      parts.telemetry.push(push, clientSourceOf(connection));
      return { throttleTimeMs: 0, errorCode: ErrorCode.NONE };
    },
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode }),
  });
}
