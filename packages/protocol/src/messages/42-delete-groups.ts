import { array, arrayOf, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Delete groups that have no members. */
export const deleteGroupsRequest = message({
  name: "DeleteGroupsRequest",
  apiKey: 42,
  kind: "request",
  versions: "0-2",
  flexible: "2+",
  fields: {
    groupsNames: arrayOf(string()),
  },
});
export type DeleteGroupsRequest = MessageOf<typeof deleteGroupsRequest>;

/** One error per group. */
export const deleteGroupsResponse = message({
  name: "DeleteGroupsResponse",
  apiKey: 42,
  kind: "response",
  versions: "0-2",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    results: array({
      groupId: string(),
      errorCode: int16(),
    }),
  },
});
export type DeleteGroupsResponse = MessageOf<typeof deleteGroupsResponse>;
