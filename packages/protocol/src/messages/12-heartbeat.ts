import { int16, int32, type MessageOf, message, string } from "../schema.ts";

/** A classic member is alive. v3: static members. */
export const heartbeatRequest = message({
  name: "HeartbeatRequest",
  apiKey: 12,
  kind: "request",
  versions: "0-4",
  flexible: "4+",
  fields: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: "3+", nullable: "3+", default: null }),
  },
});
export type HeartbeatRequest = MessageOf<typeof heartbeatRequest>;

/** An error tells the member to join again. */
export const heartbeatResponse = message({
  name: "HeartbeatResponse",
  apiKey: 12,
  kind: "response",
  versions: "0-4",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
  },
});
export type HeartbeatResponse = MessageOf<typeof heartbeatResponse>;
