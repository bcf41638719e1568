import { array, arrayOf, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Resources that have options. v0: client metrics only. */
export const listConfigResourcesRequest = message({
  name: "ListConfigResourcesRequest",
  apiKey: 74,
  kind: "request",
  versions: "0-1",
  flexible: "0+",
  fields: {
    resourceTypes: arrayOf(int8(), { versions: "1+" }),
  },
});
export type ListConfigResourcesRequest = MessageOf<typeof listConfigResourcesRequest>;

/** Names and types. */
export const listConfigResourcesResponse = message({
  name: "ListConfigResourcesResponse",
  apiKey: 74,
  kind: "response",
  versions: "0-1",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    configResources: array({
      resourceName: string(),
      resourceType: int8({ versions: "1+", default: 16, ignorable: true }),
    }),
  },
});
export type ListConfigResourcesResponse = MessageOf<typeof listConfigResourcesResponse>;
