import { array, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Which SCRAM mechanisms users have; null asks for all. */
export const describeUserScramCredentialsRequest = message({
  name: "DescribeUserScramCredentialsRequest",
  apiKey: 50,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    users: array(
      {
        name: string(),
      },
      { nullable: "0+" },
    ),
  },
});
export type DescribeUserScramCredentialsRequest = MessageOf<typeof describeUserScramCredentialsRequest>;

/** Mechanism and iterations, never the secret. */
export const describeUserScramCredentialsResponse = message({
  name: "DescribeUserScramCredentialsResponse",
  apiKey: 50,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    results: array({
      user: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
      credentialInfos: array({
        mechanism: int8(),
        iterations: int32(),
      }),
    }),
  },
});
export type DescribeUserScramCredentialsResponse = MessageOf<typeof describeUserScramCredentialsResponse>;
