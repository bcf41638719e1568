import { bytes, int16, int32, int64, type MessageOf, message } from "../schema.ts";

/** Prolong a token. */
export const renewDelegationTokenRequest = message({
  name: "RenewDelegationTokenRequest",
  apiKey: 39,
  kind: "request",
  versions: "1-2",
  flexible: "2+",
  fields: {
    hmac: bytes(),
    renewPeriodMs: int64(),
  },
});
export type RenewDelegationTokenRequest = MessageOf<typeof renewDelegationTokenRequest>;

/** When it expires now. */
export const renewDelegationTokenResponse = message({
  name: "RenewDelegationTokenResponse",
  apiKey: 39,
  kind: "response",
  versions: "1-2",
  flexible: "2+",
  fields: {
    errorCode: int16(),
    expiryTimestampMs: int64(),
    throttleTimeMs: int32(),
  },
});
export type RenewDelegationTokenResponse = MessageOf<typeof renewDelegationTokenResponse>;
