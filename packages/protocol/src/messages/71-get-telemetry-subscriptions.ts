import { arrayOf, bool, int8, int16, int32, type MessageOf, message, string, uuid } from "../schema.ts";

/** Which metrics a client should push. */
export const getTelemetrySubscriptionsRequest = message({
  name: "GetTelemetrySubscriptionsRequest",
  apiKey: 71,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    clientInstanceId: uuid(),
  },
});
export type GetTelemetrySubscriptionsRequest = MessageOf<typeof getTelemetrySubscriptionsRequest>;

/** Metric names, interval and limits. */
export const getTelemetrySubscriptionsResponse = message({
  name: "GetTelemetrySubscriptionsResponse",
  apiKey: 71,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    acceptedCompressionTypes: arrayOf(int8()),
    pushIntervalMs: int32(),
    telemetryMaxBytes: int32(),
    deltaTemporality: bool(),
    requestedMetrics: arrayOf(string()),
  },
});
export type GetTelemetrySubscriptionsResponse = MessageOf<typeof getTelemetrySubscriptionsResponse>;
