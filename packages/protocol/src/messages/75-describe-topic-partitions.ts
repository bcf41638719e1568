import { array, arrayOf, bool, int16, int32, type MessageOf, message, string, struct, uuid } from "../schema.ts";

/** Partitions of topics, page by page: the cursor says where to go on. */
export const describeTopicPartitionsRequest = message({
  name: "DescribeTopicPartitionsRequest",
  apiKey: 75,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    topics: array({
      name: string(),
    }),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor: struct(
      {
        topicName: string(),
        partitionIndex: int32(),
      },
      { nullable: "0+", default: null },
    ),
  },
});
export type DescribeTopicPartitionsRequest = MessageOf<typeof describeTopicPartitionsRequest>;

/** A page, and the next cursor or null. */
export const describeTopicPartitionsResponse = message({
  name: "DescribeTopicPartitionsResponse",
  apiKey: 75,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    topics: array({
      errorCode: int16(),
      name: string({ nullable: "0+" }),
      topicId: uuid(),
      isInternal: bool({ default: false }),
      partitions: array({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ default: -1 }),
        replicaNodes: arrayOf(int32()),
        isrNodes: arrayOf(int32()),
        eligibleLeaderReplicas: arrayOf(int32(), { nullable: "0+", default: null }),
        lastKnownElr: arrayOf(int32(), { nullable: "0+", default: null }),
        offlineReplicas: arrayOf(int32()),
      }),
      topicAuthorizedOperations: int32({ default: -2147483648 }),
    }),
    nextCursor: struct(
      {
        topicName: string(),
        partitionIndex: int32(),
      },
      { nullable: "0+", default: null },
    ),
  },
});
export type DescribeTopicPartitionsResponse = MessageOf<typeof describeTopicPartitionsResponse>;
