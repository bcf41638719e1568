import { array, arrayOf, bool, type Fields, int16, int32, int64, type MessageOf, message, string, struct, uint16 } from "../schema.ts";

/** State, topology and members of streams groups. */
export const streamsGroupDescribeRequest = message({
  name: "StreamsGroupDescribeRequest",
  apiKey: 89,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    groupIds: arrayOf(string()),
    includeAuthorizedOperations: bool(),
  },
});
export type StreamsGroupDescribeRequest = MessageOf<typeof streamsGroupDescribeRequest>;

const endpointFields = {
  host: string(),
  port: uint16(),
} as const satisfies Fields;

const taskOffsetFields = {
  subtopologyId: string(),
  partition: int32(),
  offset: int64(),
} as const satisfies Fields;

const taskIdsFields = {
  subtopologyId: string(),
  partitions: arrayOf(int32()),
} as const satisfies Fields;

const assignmentFields = {
  activeTasks: array(taskIdsFields),
  standbyTasks: array(taskIdsFields),
  warmupTasks: array(taskIdsFields),
} as const satisfies Fields;

const keyValueFields = {
  key: string(),
  value: string(),
} as const satisfies Fields;

const topicInfoFields = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(keyValueFields),
} as const satisfies Fields;

/** Tasks of every member. */
export const streamsGroupDescribeResponse = message({
  name: "StreamsGroupDescribeResponse",
  apiKey: 89,
  kind: "response",
  versions: "0",
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
      topology: struct(
        {
          epoch: int32(),
          subtopologies: array(
            {
              subtopologyId: string(),
              sourceTopics: arrayOf(string()),
              repartitionSinkTopics: arrayOf(string()),
              stateChangelogTopics: array(topicInfoFields),
              repartitionSourceTopics: array(topicInfoFields),
            },
            { nullable: "0+", default: null },
          ),
        },
        { nullable: "0+", default: null },
      ),
      members: array({
        memberId: string(),
        memberEpoch: int32(),
        instanceId: string({ nullable: "0+", default: null }),
        rackId: string({ nullable: "0+", default: null }),
        clientId: string(),
        clientHost: string(),
        topologyEpoch: int32(),
        processId: string(),
        userEndpoint: struct(endpointFields, { nullable: "0+", default: null }),
        clientTags: array(keyValueFields),
        taskOffsets: array(taskOffsetFields),
        taskEndOffsets: array(taskOffsetFields),
        assignment: struct(assignmentFields),
        targetAssignment: struct(assignmentFields),
        isClassic: bool(),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
    }),
  },
});
export type StreamsGroupDescribeResponse = MessageOf<typeof streamsGroupDescribeResponse>;
