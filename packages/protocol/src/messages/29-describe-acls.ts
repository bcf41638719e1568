import { array, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Permissions that match a filter. v1: prefixes. v2: flexible. */
export const describeAclsRequest = message({
  name: "DescribeAclsRequest",
  apiKey: 29,
  kind: "request",
  versions: "1-3",
  flexible: "2+",
  fields: {
    resourceTypeFilter: int8(),
    resourceNameFilter: string({ nullable: "1+" }),
    patternTypeFilter: int8({ default: 3 }),
    principalFilter: string({ nullable: "1+" }),
    hostFilter: string({ nullable: "1+" }),
    operation: int8(),
    permissionType: int8(),
  },
});
export type DescribeAclsRequest = MessageOf<typeof describeAclsRequest>;

/** By resource. */
export const describeAclsResponse = message({
  name: "DescribeAclsResponse",
  apiKey: 29,
  kind: "response",
  versions: "1-3",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "1+" }),
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      patternType: int8({ default: 3 }),
      acls: array({
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    }),
  },
});
export type DescribeAclsResponse = MessageOf<typeof describeAclsResponse>;
