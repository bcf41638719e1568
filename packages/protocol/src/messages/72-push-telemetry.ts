import { bool, bytes, int8, int16, int32, type MessageOf, message, uuid } from "../schema.ts";

/** A client's metrics, in OpenTelemetry's form. */
export const pushTelemetryRequest = message({
  name: "PushTelemetryRequest",
  apiKey: 72,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    terminating: bool(),
    compressionType: int8(),
    metrics: bytes(),
  },
});
export type PushTelemetryRequest = MessageOf<typeof pushTelemetryRequest>;

/** Error or none. */
export const pushTelemetryResponse = message({
  name: "PushTelemetryResponse",
  apiKey: 72,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
  },
});
export type PushTelemetryResponse = MessageOf<typeof pushTelemetryResponse>;
