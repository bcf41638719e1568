import { array, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Leave a classic group: v0–2 one member, from v3 many. v5: with a reason. */
export const leaveGroupRequest = message({
  name: "LeaveGroupRequest",
  apiKey: 13,
  kind: "request",
  versions: "0-5",
  flexible: "4+",
  fields: {
    groupId: string(),
    memberId: string({ versions: "0-2" }),
    members: array(
      {
        memberId: string(),
        groupInstanceId: string({ nullable: "3+", default: null }),
        reason: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
      },
      { versions: "3+" },
    ),
  },
});
export type LeaveGroupRequest = MessageOf<typeof leaveGroupRequest>;

/** v3: one answer per member. */
export const leaveGroupResponse = message({
  name: "LeaveGroupResponse",
  apiKey: 13,
  kind: "response",
  versions: "0-5",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    members: array(
      {
        memberId: string(),
        groupInstanceId: string({ nullable: "3+" }),
        errorCode: int16(),
      },
      { versions: "3+" },
    ),
  },
});
export type LeaveGroupResponse = MessageOf<typeof leaveGroupResponse>;
