import { array, bool, float64, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Set and remove quotas. */
export const alterClientQuotasRequest = message({
  name: "AlterClientQuotasRequest",
  apiKey: 49,
  kind: "request",
  versions: "0-1",
  flexible: "1+",
  fields: {
    entries: array({
      entity: array({
        entityType: string(),
        entityName: string({ nullable: "0+" }),
      }),
      ops: array({
        key: string(),
        value: float64(),
        remove: bool(),
      }),
    }),
    validateOnly: bool(),
  },
});
export type AlterClientQuotasRequest = MessageOf<typeof alterClientQuotasRequest>;

/** One answer per entity. */
export const alterClientQuotasResponse = message({
  name: "AlterClientQuotasResponse",
  apiKey: 49,
  kind: "response",
  versions: "0-1",
  flexible: "1+",
  fields: {
    throttleTimeMs: int32(),
    entries: array({
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
      entity: array({
        entityType: string(),
        entityName: string({ nullable: "0+" }),
      }),
    }),
  },
});
export type AlterClientQuotasResponse = MessageOf<typeof alterClientQuotasResponse>;
