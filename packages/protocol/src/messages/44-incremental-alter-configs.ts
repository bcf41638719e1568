import { array, bool, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Set (0), delete (1), append to (2) or subtract from (3) single options. */
export const incrementalAlterConfigsRequest = message({
  name: "IncrementalAlterConfigsRequest",
  apiKey: 44,
  kind: "request",
  versions: "0-1",
  flexible: "1+",
  fields: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        configOperation: int8(),
        value: string({ nullable: "0+" }),
      }),
    }),
    validateOnly: bool(),
  },
});
export type IncrementalAlterConfigsRequest = MessageOf<typeof incrementalAlterConfigsRequest>;

/** One answer per resource. */
export const incrementalAlterConfigsResponse = message({
  name: "IncrementalAlterConfigsResponse",
  apiKey: 44,
  kind: "response",
  versions: "0-1",
  flexible: "1+",
  fields: {
    throttleTimeMs: int32(),
    responses: array({
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
});
export type IncrementalAlterConfigsResponse = MessageOf<typeof incrementalAlterConfigsResponse>;
