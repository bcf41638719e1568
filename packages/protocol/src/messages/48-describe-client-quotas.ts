import { array, bool, float64, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Quotas that match these entities. */
export const describeClientQuotasRequest = message({
  name: "DescribeClientQuotasRequest",
  apiKey: 48,
  kind: "request",
  versions: "0-1",
  flexible: "1+",
  fields: {
    components: array({
      entityType: string(),
      matchType: int8(),
      match: string({ nullable: "0+" }),
    }),
    strict: bool(),
  },
});
export type DescribeClientQuotasRequest = MessageOf<typeof describeClientQuotasRequest>;

/** Values by entity. v1: flexible. */
export const describeClientQuotasResponse = message({
  name: "DescribeClientQuotasResponse",
  apiKey: 48,
  kind: "response",
  versions: "0-1",
  flexible: "1+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    entries: array(
      {
        entity: array({
          entityType: string(),
          entityName: string({ nullable: "0+" }),
        }),
        values: array({
          key: string(),
          value: float64(),
        }),
      },
      { nullable: "0+" },
    ),
  },
});
export type DescribeClientQuotasResponse = MessageOf<typeof describeClientQuotasResponse>;
