import { array, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Delete what matches these filters. v1: prefixes. v2: flexible. */
export const deleteAclsRequest = message({
  name: "DeleteAclsRequest",
  apiKey: 31,
  kind: "request",
  versions: "1-3",
  flexible: "2+",
  fields: {
    filters: array({
      resourceTypeFilter: int8(),
      resourceNameFilter: string({ nullable: "1+" }),
      patternTypeFilter: int8({ default: 3 }),
      principalFilter: string({ nullable: "1+" }),
      hostFilter: string({ nullable: "1+" }),
      operation: int8(),
      permissionType: int8(),
    }),
  },
});
export type DeleteAclsRequest = MessageOf<typeof deleteAclsRequest>;

/** By filter, what was deleted. */
export const deleteAclsResponse = message({
  name: "DeleteAclsResponse",
  apiKey: 31,
  kind: "response",
  versions: "1-3",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    filterResults: array({
      errorCode: int16(),
      errorMessage: string({ nullable: "1+" }),
      matchingAcls: array({
        errorCode: int16(),
        errorMessage: string({ nullable: "1+" }),
        resourceType: int8(),
        resourceName: string(),
        patternType: int8({ default: 3 }),
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    }),
  },
});
export type DeleteAclsResponse = MessageOf<typeof deleteAclsResponse>;
