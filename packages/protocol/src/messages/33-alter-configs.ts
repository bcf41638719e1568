import { array, bool, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Replace all options of a resource: superseded by IncrementalAlterConfigs. */
export const alterConfigsRequest = message({
  name: "AlterConfigsRequest",
  apiKey: 33,
  kind: "request",
  versions: "0-2",
  flexible: "2+",
  fields: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string({ nullable: "0+" }),
      }),
    }),
    validateOnly: bool(),
  },
});
export type AlterConfigsRequest = MessageOf<typeof alterConfigsRequest>;

/** One answer per resource. */
export const alterConfigsResponse = message({
  name: "AlterConfigsResponse",
  apiKey: 33,
  kind: "response",
  versions: "0-2",
  flexible: "2+",
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
export type AlterConfigsResponse = MessageOf<typeof alterConfigsResponse>;
