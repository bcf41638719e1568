import { array, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** New permissions. v1: prefixes. v2: flexible. */
export const createAclsRequest = message({
  name: "CreateAclsRequest",
  apiKey: 30,
  kind: "request",
  versions: "1-3",
  flexible: "2+",
  fields: {
    creations: array({
      resourceType: int8(),
      resourceName: string(),
      resourcePatternType: int8({ default: 3 }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  },
});
export type CreateAclsRequest = MessageOf<typeof createAclsRequest>;

/** One answer per permission, in the order asked. */
export const createAclsResponse = message({
  name: "CreateAclsResponse",
  apiKey: 30,
  kind: "response",
  versions: "1-3",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    results: array({
      errorCode: int16(),
      errorMessage: string({ nullable: "1+" }),
    }),
  },
});
export type CreateAclsResponse = MessageOf<typeof createAclsResponse>;
