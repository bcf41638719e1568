import { array, arrayOf, bool, int16, int32, type MessageOf, message, string, uuid } from "../schema.ts";

/** Brokers, topics, leaders. v0: an empty list asks for all topics; from v1 null does. v9: flexible. v12: topics may be asked for by id. */
export const metadataRequest = message({
  name: "MetadataRequest",
  apiKey: 3,
  kind: "request",
  versions: "0-13",
  flexible: "9+",
  fields: {
    topics: array(
      {
        topicId: uuid({ versions: "10+", ignorable: true }),
        name: string({ nullable: "10+" }),
      },
      { nullable: "1+" },
    ),
    allowAutoTopicCreation: bool({ versions: "4+", default: true }),
    includeClusterAuthorizedOperations: bool({ versions: "8-10" }),
    includeTopicAuthorizedOperations: bool({ versions: "8+" }),
  },
});
export type MetadataRequest = MessageOf<typeof metadataRequest>;

/** v7: leader epochs. v10: topic ids. v13: an error for the whole answer. */
export const metadataResponse = message({
  name: "MetadataResponse",
  apiKey: 3,
  kind: "response",
  versions: "0-13",
  flexible: "9+",
  fields: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    brokers: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ versions: "1+", nullable: "1+", default: null, ignorable: true }),
    }),
    clusterId: string({ versions: "2+", nullable: "2+", default: null, ignorable: true }),
    controllerId: int32({ versions: "1+", default: -1, ignorable: true }),
    topics: array({
      errorCode: int16(),
      name: string({ nullable: "12+" }),
      topicId: uuid({ versions: "10+", ignorable: true }),
      isInternal: bool({ versions: "1+", default: false, ignorable: true }),
      partitions: array({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ versions: "7+", default: -1, ignorable: true }),
        replicaNodes: arrayOf(int32()),
        isrNodes: arrayOf(int32()),
        offlineReplicas: arrayOf(int32(), { versions: "5+", ignorable: true }),
      }),
      topicAuthorizedOperations: int32({ versions: "8+", default: -2147483648 }),
    }),
    clusterAuthorizedOperations: int32({ versions: "8-10", default: -2147483648 }),
    errorCode: int16({ versions: "13+", ignorable: true }),
  },
});
export type MetadataResponse = MessageOf<typeof metadataResponse>;
