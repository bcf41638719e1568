import { array, bytes, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** The leader of a classic group hands in the assignment, the others ask for theirs. v5: protocol type and name are checked. */
export const syncGroupRequest = message({
  name: "SyncGroupRequest",
  apiKey: 14,
  kind: "request",
  versions: "0-5",
  flexible: "4+",
  fields: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: "3+", nullable: "3+", default: null }),
    protocolType: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    protocolName: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    assignments: array({
      memberId: string(),
      assignment: bytes(),
    }),
  },
});
export type SyncGroupRequest = MessageOf<typeof syncGroupRequest>;

/** This member's assignment, in the form that its protocol defines. */
export const syncGroupResponse = message({
  name: "SyncGroupResponse",
  apiKey: 14,
  kind: "response",
  versions: "0-5",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    protocolType: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    protocolName: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    assignment: bytes(),
  },
});
export type SyncGroupResponse = MessageOf<typeof syncGroupResponse>;
