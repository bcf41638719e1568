import { array, arrayOf, bigint64, int8, int16, int32, int64, type MessageOf, message, records, string, struct, uuid } from "../schema.ts";

/** Read record batches. v7: sessions. v9: leader epoch. v12: flexible, divergence. v13: topics by id. v15: replica state is a tagged field. */
export const fetchRequest = message({
  name: "FetchRequest",
  apiKey: 1,
  kind: "request",
  versions: "4-18",
  flexible: "12+",
  fields: {
    clusterId: string({ versions: "12+", nullable: "12+", default: null, ignorable: true, tag: 0 }),
    replicaId: int32({ versions: "4-14", default: -1 }),
    replicaState: struct(
      {
        replicaId: int32({ default: -1 }),
        replicaEpoch: int64({ default: -1 }),
      },
      { versions: "15+", tag: 1 },
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 0x7fffffff }),
    isolationLevel: int8({ default: 0 }),
    sessionId: int32({ versions: "7+", default: 0, ignorable: true }),
    sessionEpoch: int32({ versions: "7+", default: -1, ignorable: true }),
    topics: array({
      topic: string({ versions: "4-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32({ versions: "9+", default: -1, ignorable: true }),
        fetchOffset: int64({ clamp: true }),
        lastFetchedEpoch: int32({ versions: "12+", default: -1 }),
        logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
        partitionMaxBytes: int32(),
        replicaDirectoryId: uuid({ versions: "17+", ignorable: true, tag: 0 }),
        highWatermark: bigint64({ versions: "18+", default: 9223372036854775807n, ignorable: true, tag: 1 }),
      }),
    }),
    forgottenTopicsData: array(
      {
        topic: string({ versions: "7-12", ignorable: true }),
        topicId: uuid({ versions: "13+", ignorable: true }),
        partitions: arrayOf(int32()),
      },
      { versions: "7+" },
    ),
    rackId: string({ versions: "11+", default: "", ignorable: true }),
  },
});
export type FetchRequest = MessageOf<typeof fetchRequest>;

/** Batches as they lie in the log; the last of a partition may be cut off. v12: diverging epoch, current leader. v16: endpoints of new leaders. */
export const fetchResponse = message({
  name: "FetchResponse",
  apiKey: 1,
  kind: "response",
  versions: "4-18",
  flexible: "12+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "7+", ignorable: true }),
    sessionId: int32({ versions: "7+", default: 0 }),
    responses: array({
      topic: string({ versions: "4-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        highWatermark: int64(),
        lastStableOffset: int64({ default: -1 }),
        logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
        divergingEpoch: struct(
          {
            epoch: int32({ default: -1 }),
            endOffset: int64({ default: -1 }),
          },
          { versions: "12+", tag: 0 },
        ),
        currentLeader: struct(
          {
            leaderId: int32({ default: -1 }),
            leaderEpoch: int32({ default: -1 }),
          },
          { versions: "12+", tag: 1 },
        ),
        snapshotId: struct(
          {
            endOffset: int64({ default: -1 }),
            epoch: int32({ default: -1 }),
          },
          { versions: "12+", tag: 2 },
        ),
        abortedTransactions: array(
          {
            producerId: int64(),
            firstOffset: int64(),
          },
          { nullable: "4+" },
        ),
        preferredReadReplica: int32({ versions: "11+", default: -1 }),
        records: records({ nullable: "4+" }),
      }),
    }),
    nodeEndpoints: array(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: "16+", default: null }),
      },
      { versions: "16+", tag: 0 },
    ),
  },
});
export type FetchResponse = MessageOf<typeof fetchResponse>;
