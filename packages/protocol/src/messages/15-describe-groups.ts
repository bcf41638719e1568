import { array, arrayOf, bool, bytes, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** State and members of classic groups. v5: flexible. */
export const describeGroupsRequest = message({
  name: "DescribeGroupsRequest",
  apiKey: 15,
  kind: "request",
  versions: "0-6",
  flexible: "5+",
  fields: {
    groups: arrayOf(string()),
    includeAuthorizedOperations: bool({ versions: "3+" }),
  },
});
export type DescribeGroupsRequest = MessageOf<typeof describeGroupsRequest>;

/** v6: GROUP_ID_NOT_FOUND instead of a group that is called dead. */
export const describeGroupsResponse = message({
  name: "DescribeGroupsResponse",
  apiKey: 15,
  kind: "response",
  versions: "0-6",
  flexible: "5+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    groups: array({
      errorCode: int16(),
      errorMessage: string({ versions: "6+", nullable: "6+", default: null }),
      groupId: string(),
      groupState: string(),
      protocolType: string(),
      protocolData: string(),
      members: array({
        memberId: string(),
        groupInstanceId: string({ versions: "4+", nullable: "4+", default: null, ignorable: true }),
        clientId: string(),
        clientHost: string(),
        memberMetadata: bytes(),
        memberAssignment: bytes(),
      }),
      authorizedOperations: int32({ versions: "3+", default: -2147483648 }),
    }),
  },
});
export type DescribeGroupsResponse = MessageOf<typeof describeGroupsResponse>;
