import { array, arrayOf, bool, type Fields, int8, int16, int32, type MessageOf, message, string, struct, uuid } from "../schema.ts";

/** State and members of new-protocol groups. v1: member type. */
export const consumerGroupDescribeRequest = message({
  name: "ConsumerGroupDescribeRequest",
  apiKey: 69,
  kind: "request",
  versions: "0-1",
  flexible: "0+",
  fields: {
    groupIds: arrayOf(string()),
    includeAuthorizedOperations: bool(),
  },
});
export type ConsumerGroupDescribeRequest = MessageOf<typeof consumerGroupDescribeRequest>;

const topicPartitionsFields = {
  topicId: uuid(),
  topicName: string(),
  partitions: arrayOf(int32()),
} as const satisfies Fields;

const assignmentFields = {
  topicPartitions: array(topicPartitionsFields),
} as const satisfies Fields;

/** Current and target assignment of every member. */
export const consumerGroupDescribeResponse = message({
  name: "ConsumerGroupDescribeResponse",
  apiKey: 69,
  kind: "response",
  versions: "0-1",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    groups: array({
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      assignorName: string(),
      members: array({
        memberId: string(),
        instanceId: string({ nullable: "0+", default: null }),
        rackId: string({ nullable: "0+", default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: arrayOf(string()),
        subscribedTopicRegex: string({ nullable: "0+", default: null }),
        assignment: struct(assignmentFields),
        targetAssignment: struct(assignmentFields),
        memberType: int8({ versions: "1+", default: -1, ignorable: true }),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
    }),
  },
});
export type ConsumerGroupDescribeResponse = MessageOf<typeof consumerGroupDescribeResponse>;
