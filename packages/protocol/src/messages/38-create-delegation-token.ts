import { array, bytes, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** A token that stands for its owner. v3: for somebody else. */
export const createDelegationTokenRequest = message({
  name: "CreateDelegationTokenRequest",
  apiKey: 38,
  kind: "request",
  versions: "1-3",
  flexible: "2+",
  fields: {
    ownerPrincipalType: string({ versions: "3+", nullable: "3+" }),
    ownerPrincipalName: string({ versions: "3+", nullable: "3+" }),
    renewers: array({
      principalType: string(),
      principalName: string(),
    }),
    maxLifetimeMs: int64(),
  },
});
export type CreateDelegationTokenRequest = MessageOf<typeof createDelegationTokenRequest>;

/** The token, its times in ms since 1970, and its secret. */
export const createDelegationTokenResponse = message({
  name: "CreateDelegationTokenResponse",
  apiKey: 38,
  kind: "response",
  versions: "1-3",
  flexible: "2+",
  fields: {
    errorCode: int16(),
    principalType: string(),
    principalName: string(),
    tokenRequesterPrincipalType: string({ versions: "3+" }),
    tokenRequesterPrincipalName: string({ versions: "3+" }),
    issueTimestampMs: int64(),
    expiryTimestampMs: int64(),
    maxTimestampMs: int64(),
    tokenId: string(),
    hmac: bytes(),
    throttleTimeMs: int32(),
  },
});
export type CreateDelegationTokenResponse = MessageOf<typeof createDelegationTokenResponse>;
