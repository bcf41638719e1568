import { array, bytes, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Delete and set SCRAM credentials. */
export const alterUserScramCredentialsRequest = message({
  name: "AlterUserScramCredentialsRequest",
  apiKey: 51,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    deletions: array({
      name: string(),
      mechanism: int8(),
    }),
    upsertions: array({
      name: string(),
      mechanism: int8(),
      iterations: int32(),
      salt: bytes(),
      saltedPassword: bytes(),
    }),
  },
});
export type AlterUserScramCredentialsRequest = MessageOf<typeof alterUserScramCredentialsRequest>;

/** One answer per user. */
export const alterUserScramCredentialsResponse = message({
  name: "AlterUserScramCredentialsResponse",
  apiKey: 51,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    results: array({
      user: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
    }),
  },
});
export type AlterUserScramCredentialsResponse = MessageOf<typeof alterUserScramCredentialsResponse>;
