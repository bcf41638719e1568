import { array, arrayOf, bool, int8, int16, int32, int64, type MessageOf, message, records, string, struct, uuid } from "../schema.ts";

/** Acquire records of a share group, and acknowledge earlier ones. v2: one record at a time, renewal. */
export const shareFetchRequest = message({
  name: "ShareFetchRequest",
  apiKey: 78,
  kind: "request",
  versions: "1-2",
  flexible: "1+",
  fields: {
    groupId: string({ nullable: "1+", default: null }),
    memberId: string({ nullable: "1+" }),
    shareSessionEpoch: int32(),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 0x7fffffff }),
    maxRecords: int32(),
    batchSize: int32(),
    shareAcquireMode: int8({ versions: "2+", default: 0, ignorable: true }),
    isRenewAck: bool({ versions: "2+", default: false }),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        acknowledgementBatches: array({
          firstOffset: int64(),
          lastOffset: int64(),
          acknowledgeTypes: arrayOf(int8()),
        }),
      }),
    }),
    forgottenTopicsData: array({
      topicId: uuid(),
      partitions: arrayOf(int32()),
    }),
  },
});
export type ShareFetchRequest = MessageOf<typeof shareFetchRequest>;

/** Batches, and the ranges of offsets acquired. */
export const shareFetchResponse = message({
  name: "ShareFetchResponse",
  apiKey: 78,
  kind: "response",
  versions: "1-2",
  flexible: "1+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "1+", default: null }),
    acquisitionLockTimeoutMs: int32(),
    responses: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "1+", default: null }),
        acknowledgeErrorCode: int16(),
        acknowledgeErrorMessage: string({ nullable: "1+", default: null }),
        currentLeader: struct({
          leaderId: int32(),
          leaderEpoch: int32(),
        }),
        records: records(),
        acquiredRecords: array({
          firstOffset: int64(),
          lastOffset: int64(),
          deliveryCount: int16(),
        }),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: "1+", default: null }),
    }),
  },
});
export type ShareFetchResponse = MessageOf<typeof shareFetchResponse>;
