import { array, arrayOf, bool, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Options of topics, brokers and groups. v1: synonyms. v3: documentation. */
export const describeConfigsRequest = message({
  name: "DescribeConfigsRequest",
  apiKey: 32,
  kind: "request",
  versions: "1-4",
  flexible: "4+",
  fields: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: arrayOf(string(), { nullable: "1+" }),
    }),
    includeSynonyms: bool({ default: false }),
    includeDocumentation: bool({ versions: "3+", default: false }),
  },
});
export type DescribeConfigsRequest = MessageOf<typeof describeConfigsRequest>;

/** Each option with its value, where it comes from, and whether it may be changed. */
export const describeConfigsResponse = message({
  name: "DescribeConfigsResponse",
  apiKey: 32,
  kind: "response",
  versions: "1-4",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32(),
    results: array({
      errorCode: int16(),
      errorMessage: string({ nullable: "1+" }),
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string({ nullable: "1+" }),
        readOnly: bool(),
        configSource: int8({ default: -1 }),
        isSensitive: bool(),
        synonyms: array({
          name: string(),
          value: string({ nullable: "1+" }),
          source: int8(),
        }),
        configType: int8({ versions: "3+", default: 0, ignorable: true }),
        documentation: string({ versions: "3+", nullable: "3+", ignorable: true }),
      }),
    }),
  },
});
export type DescribeConfigsResponse = MessageOf<typeof describeConfigsResponse>;
