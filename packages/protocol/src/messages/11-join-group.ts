import { array, bool, bytes, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Enter a classic group, or enter it again. v4: the member id comes from the broker first. v5: static members. v8: with a reason. */
export const joinGroupRequest = message({
  name: "JoinGroupRequest",
  apiKey: 11,
  kind: "request",
  versions: "0-9",
  flexible: "6+",
  fields: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ versions: "1+", default: -1, ignorable: true }),
    memberId: string(),
    groupInstanceId: string({ versions: "5+", nullable: "5+", default: null }),
    protocolType: string(),
    protocols: array({
      name: string(),
      metadata: bytes(),
    }),
    reason: string({ versions: "8+", nullable: "8+", default: null, ignorable: true }),
  },
});
export type JoinGroupRequest = MessageOf<typeof joinGroupRequest>;

/** The leader alone gets the list of members, and assigns. */
export const joinGroupResponse = message({
  name: "JoinGroupResponse",
  apiKey: 11,
  kind: "response",
  versions: "0-9",
  flexible: "6+",
  fields: {
    throttleTimeMs: int32({ versions: "2+", ignorable: true }),
    errorCode: int16(),
    generationId: int32({ default: -1 }),
    protocolType: string({ versions: "7+", nullable: "7+", default: null, ignorable: true }),
    protocolName: string({ nullable: "7+" }),
    leader: string(),
    skipAssignment: bool({ versions: "9+", default: false }),
    memberId: string(),
    members: array({
      memberId: string(),
      groupInstanceId: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
      metadata: bytes(),
    }),
  },
});
export type JoinGroupResponse = MessageOf<typeof joinGroupResponse>;
