import { array, arrayOf, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Groups of this broker. v4: by state. v5: by type. */
export const listGroupsRequest = message({
  name: "ListGroupsRequest",
  apiKey: 16,
  kind: "request",
  versions: "0-5",
  flexible: "3+",
  fields: {
    statesFilter: arrayOf(string(), { versions: "4+" }),
    typesFilter: arrayOf(string(), { versions: "5+" }),
  },
});
export type ListGroupsRequest = MessageOf<typeof listGroupsRequest>;

/** v4: states. v5: types. */
export const listGroupsResponse = message({
  name: "ListGroupsResponse",
  apiKey: 16,
  kind: "response",
  versions: "0-5",
  flexible: "3+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    groups: array({
      groupId: string(),
      protocolType: string(),
      groupState: string({ versions: "4+", ignorable: true }),
      groupType: string({ versions: "5+", ignorable: true }),
    }),
  },
});
export type ListGroupsResponse = MessageOf<typeof listGroupsResponse>;
