import { array, arrayOf, type Fields, int16, int32, type MessageOf, message, string, struct, uuid } from "../schema.ts";

/** Everything a member of a share group says; null means unchanged. */
export const shareGroupHeartbeatRequest = message({
  name: "ShareGroupHeartbeatRequest",
  apiKey: 76,
  kind: "request",
  versions: "1",
  flexible: "1+",
  fields: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    rackId: string({ nullable: "1+", default: null }),
    subscribedTopicNames: arrayOf(string(), { nullable: "1+", default: null }),
  },
});
export type ShareGroupHeartbeatRequest = MessageOf<typeof shareGroupHeartbeatRequest>;

const topicPartitionsFields = {
  topicId: uuid({ versions: "1+" }),
  partitions: arrayOf(int32(), { versions: "1+" }),
} as const satisfies Fields;

/** The member's epoch and, when it changed, its assignment. */
export const shareGroupHeartbeatResponse = message({
  name: "ShareGroupHeartbeatResponse",
  apiKey: 76,
  kind: "response",
  versions: "1",
  flexible: "1+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "1+", default: null }),
    memberId: string({ nullable: "1+", default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      {
        topicPartitions: array(topicPartitionsFields),
      },
      { nullable: "1+", default: null },
    ),
  },
});
export type ShareGroupHeartbeatResponse = MessageOf<typeof shareGroupHeartbeatResponse>;
