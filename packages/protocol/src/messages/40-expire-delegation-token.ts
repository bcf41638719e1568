import { bytes, int16, int32, int64, type MessageOf, message } from "../schema.ts";

/** End a token, at once or later. */
export const expireDelegationTokenRequest = message({
  name: "ExpireDelegationTokenRequest",
  apiKey: 40,
  kind: "request",
  versions: "1-2",
  flexible: "2+",
  fields: {
    hmac: bytes(),
    expiryTimePeriodMs: int64(),
  },
});
export type ExpireDelegationTokenRequest = MessageOf<typeof expireDelegationTokenRequest>;

/** When it expires now. */
export const expireDelegationTokenResponse = message({
  name: "ExpireDelegationTokenResponse",
  apiKey: 40,
  kind: "response",
  versions: "1-2",
  flexible: "2+",
  fields: {
    errorCode: int16(),
    expiryTimestampMs: int64(),
    throttleTimeMs: int32(),
  },
});
export type ExpireDelegationTokenResponse = MessageOf<typeof expireDelegationTokenResponse>;
