import { array, arrayOf, bool, int8, int16, int32, int64, type MessageOf, message, string, struct, uuid } from "../schema.ts";

/** Acknowledge records: 0 gap, 1 accept, 2 release, 3 reject, 4 renew (v2). */
export const shareAcknowledgeRequest = message({
  name: "ShareAcknowledgeRequest",
  apiKey: 79,
  kind: "request",
  versions: "1-2",
  flexible: "1+",
  fields: {
    groupId: string({ nullable: "1+", default: null }),
    memberId: string({ nullable: "1+" }),
    shareSessionEpoch: int32(),
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
  },
});
export type ShareAcknowledgeRequest = MessageOf<typeof shareAcknowledgeRequest>;

/** One error per partition. */
export const shareAcknowledgeResponse = message({
  name: "ShareAcknowledgeResponse",
  apiKey: 79,
  kind: "response",
  versions: "1-2",
  flexible: "1+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "1+", default: null }),
    acquisitionLockTimeoutMs: int32({ versions: "2+", ignorable: true }),
    responses: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "1+", default: null }),
        currentLeader: struct({
          leaderId: int32(),
          leaderEpoch: int32(),
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
export type ShareAcknowledgeResponse = MessageOf<typeof shareAcknowledgeResponse>;
