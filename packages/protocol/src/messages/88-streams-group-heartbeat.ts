import {
  array,
  arrayOf,
  bool,
  type Fields,
  int8,
  int16,
  int32,
  int64,
  type MessageOf,
  message,
  string,
  struct,
  uint16,
} from "../schema.ts";

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

/** Everything a member of a streams group says; null means unchanged. */
export const streamsGroupHeartbeatRequest = message({
  name: "StreamsGroupHeartbeatRequest",
  apiKey: 88,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    endpointInformationEpoch: int32(),
    instanceId: string({ nullable: "0+", default: null }),
    rackId: string({ nullable: "0+", default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    topology: struct(
      {
        epoch: int32(),
        subtopologies: array({
          subtopologyId: string(),
          sourceTopics: arrayOf(string()),
          sourceTopicRegex: arrayOf(string()),
          stateChangelogTopics: array(topicInfoFields),
          repartitionSinkTopics: arrayOf(string()),
          repartitionSourceTopics: array(topicInfoFields),
          copartitionGroups: array({
            sourceTopics: arrayOf(int16()),
            sourceTopicRegex: arrayOf(int16()),
            repartitionSourceTopics: arrayOf(int16()),
          }),
        }),
      },
      { nullable: "0+", default: null },
    ),
    activeTasks: array(taskIdsFields, { nullable: "0+", default: null }),
    standbyTasks: array(taskIdsFields, { nullable: "0+", default: null }),
    warmupTasks: array(taskIdsFields, { nullable: "0+", default: null }),
    processId: string({ nullable: "0+", default: null }),
    userEndpoint: struct(endpointFields, { nullable: "0+", default: null }),
    clientTags: array(keyValueFields, { nullable: "0+", default: null }),
    taskOffsets: array(taskOffsetFields, { nullable: "0+", default: null }),
    taskEndOffsets: array(taskOffsetFields, { nullable: "0+", default: null }),
    shutdownApplication: bool({ default: false }),
  },
});
export type StreamsGroupHeartbeatRequest = MessageOf<typeof streamsGroupHeartbeatRequest>;

const statusFields = {
  statusCode: int8(),
  statusDetail: string(),
} as const satisfies Fields;

const topicPartitionFields = {
  topic: string(),
  partitions: arrayOf(int32()),
} as const satisfies Fields;

/** Tasks of the member, and where other members' state can be queried. */
export const streamsGroupHeartbeatResponse = message({
  name: "StreamsGroupHeartbeatResponse",
  apiKey: 88,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    memberId: string(),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    acceptableRecoveryLag: int32(),
    taskOffsetIntervalMs: int32(),
    status: array(statusFields, { nullable: "0+" }),
    activeTasks: array(taskIdsFields, { nullable: "0+", default: null }),
    standbyTasks: array(taskIdsFields, { nullable: "0+", default: null }),
    warmupTasks: array(taskIdsFields, { nullable: "0+", default: null }),
    endpointInformationEpoch: int32(),
    partitionsByUserEndpoint: array(
      {
        userEndpoint: struct(endpointFields),
        activePartitions: array(topicPartitionFields),
        standbyPartitions: array(topicPartitionFields),
      },
      { nullable: "0+", default: null },
    ),
  },
});
export type StreamsGroupHeartbeatResponse = MessageOf<typeof streamsGroupHeartbeatResponse>;
