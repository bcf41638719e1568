import { compressionId } from "@tidemq/protocol/compression.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import {
  getTelemetrySubscriptionsRequest,
  getTelemetrySubscriptionsResponse,
} from "@tidemq/protocol/messages/71-get-telemetry-subscriptions.ts";
import { TELEMETRY_BYTES_MAX } from "../../client-telemetry/limits.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import { clientSourceOf } from "../client-source.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - A client without an id is given one. Without a subscription that concerns it, it is to push nothing, and to ask again after
 *   five minutes.
 * - Asked again before its interval is over: THROTTLING_QUOTA_EXCEEDED, as in Kafka; not when the subscriptions changed, or its
 *   last push was refused for the subscription or the compression.
 * - Cumulative numbers are asked for, where Kafka asks for deltas: a scrape shows them as they are, and a lost push loses nothing.
 *
 * Version notes
 * - v0 flexible already
 */

/** In the order in which a client should prefer them. */
const ACCEPTED = (["zstd", "lz4", "gzip", "snappy"] as const).map(compressionId);

const NOTHING = {
  throttleTimeMs: 0,
  subscriptionId: 0,
  acceptedCompressionTypes: [],
  pushIntervalMs: 0,
  telemetryMaxBytes: 0,
  deltaTemporality: false,
  requestedMetrics: [],
};

export function getTelemetrySubscriptionsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: getTelemetrySubscriptionsRequest,
    response: getTelemetrySubscriptionsResponse,
    handle({ clientInstanceId: asked }, { connection }) {
      const { clientInstanceId, id, intervalMs, metrics } = parts.telemetry.subscriptionOf(asked, clientSourceOf(connection));
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        clientInstanceId,
        subscriptionId: id,
        acceptedCompressionTypes: ACCEPTED,
        pushIntervalMs: intervalMs,
        telemetryMaxBytes: TELEMETRY_BYTES_MAX,
        deltaTemporality: false,
        requestedMetrics: metrics,
      };
    },
    refuse: ({ clientInstanceId }, errorCode) => ({ ...NOTHING, errorCode, clientInstanceId }),
  });
}
