import { array, bytes, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** Tokens of these owners; null asks for all. */
export const describeDelegationTokenRequest = message({
  name: "DescribeDelegationTokenRequest",
  apiKey: 41,
  kind: "request",
  versions: "1-3",
  flexible: "2+",
  fields: {
    owners: array(
      {
        principalType: string(),
        principalName: string(),
      },
      { nullable: "1+" },
    ),
  },
});
export type DescribeDelegationTokenRequest = MessageOf<typeof describeDelegationTokenRequest>;

/** Tokens with their secrets. */
export const describeDelegationTokenResponse = message({
  name: "DescribeDelegationTokenResponse",
  apiKey: 41,
  kind: "response",
  versions: "1-3",
  flexible: "2+",
  fields: {
    errorCode: int16(),
    tokens: array({
      principalType: string(),
      principalName: string(),
      tokenRequesterPrincipalType: string({ versions: "3+" }),
      tokenRequesterPrincipalName: string({ versions: "3+" }),
      issueTimestamp: int64(),
      expiryTimestamp: int64(),
      maxTimestamp: int64(),
      tokenId: string(),
      hmac: bytes(),
      renewers: array({
        principalType: string(),
        principalName: string(),
      }),
    }),
    throttleTimeMs: int32(),
  },
});
export type DescribeDelegationTokenResponse = MessageOf<typeof describeDelegationTokenResponse>;
