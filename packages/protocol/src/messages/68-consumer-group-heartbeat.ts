import { array, arrayOf, type Fields, int16, int32, type MessageOf, message, string, struct, uuid } from "../schema.ts";

/** Everything a member of a new-protocol group says; null means unchanged. v1: regular expressions. */
export const consumerGroupHeartbeatRequest = message({
  name: "ConsumerGroupHeartbeatRequest",
  apiKey: 68,
  kind: "request",
  versions: "0-1",
  flexible: "0+",
  fields: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string({ nullable: "0+", default: null }),
    rackId: string({ nullable: "0+", default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: arrayOf(string(), { nullable: "0+", default: null }),
    subscribedTopicRegex: string({ versions: "1+", nullable: "1+", default: null }),
    serverAssignor: string({ nullable: "0+", default: null }),
    topicPartitions: array(
      {
        topicId: uuid(),
        partitions: arrayOf(int32()),
      },
      { nullable: "0+", default: null },
    ),
  },
});
export type ConsumerGroupHeartbeatRequest = MessageOf<typeof consumerGroupHeartbeatRequest>;

const topicPartitionsFields = {
  topicId: uuid(),
  partitions: arrayOf(int32()),
} as const satisfies Fields;

/** The member's epoch and, when it changed, its assignment. */
export const consumerGroupHeartbeatResponse = message({
  name: "ConsumerGroupHeartbeatResponse",
  apiKey: 68,
  kind: "response",
  versions: "0-1",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    memberId: string({ nullable: "0+", default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      {
        topicPartitions: array(topicPartitionsFields),
      },
      { nullable: "0+", default: null },
    ),
  },
});
export type ConsumerGroupHeartbeatResponse = MessageOf<typeof consumerGroupHeartbeatResponse>;
