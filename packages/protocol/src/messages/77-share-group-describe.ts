import { array, arrayOf, bool, type Fields, int16, int32, type MessageOf, message, string, struct, uuid } from "../schema.ts";

/** State and members of share groups. */
export const shareGroupDescribeRequest = message({
  name: "ShareGroupDescribeRequest",
  apiKey: 77,
  kind: "request",
  versions: "1",
  flexible: "1+",
  fields: {
    groupIds: arrayOf(string()),
    includeAuthorizedOperations: bool(),
  },
});
export type ShareGroupDescribeRequest = MessageOf<typeof shareGroupDescribeRequest>;

const topicPartitionsFields = {
  topicId: uuid({ versions: "1+" }),
  topicName: string({ versions: "1+" }),
  partitions: arrayOf(int32(), { versions: "1+" }),
} as const satisfies Fields;

const assignmentFields = {
  topicPartitions: array(topicPartitionsFields, { versions: "1+" }),
} as const satisfies Fields;

/** Assignment of every member. */
export const shareGroupDescribeResponse = message({
  name: "ShareGroupDescribeResponse",
  apiKey: 77,
  kind: "response",
  versions: "1",
  flexible: "1+",
  fields: {
    throttleTimeMs: int32(),
    groups: array({
      errorCode: int16(),
      errorMessage: string({ nullable: "1+", default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      assignorName: string(),
      members: array({
        memberId: string(),
        rackId: string({ nullable: "1+", default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: arrayOf(string()),
        assignment: struct(assignmentFields),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
    }),
  },
});
export type ShareGroupDescribeResponse = MessageOf<typeof shareGroupDescribeResponse>;
