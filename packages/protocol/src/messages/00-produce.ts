import { array, int16, int32, int64, type MessageOf, message, records, string, struct, uuid } from "../schema.ts";

/** Append record batches. v7: zstd. v9: flexible. v13: topics by id. Versions 0–2 are advertised for old clients and refused. */
export const produceRequest = message({
  name: "ProduceRequest",
  apiKey: 0,
  kind: "request",
  versions: "3-13",
  flexible: "9+",
  fields: {
    transactionalId: string({ nullable: "3+", default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array({
      name: string({ versions: "3-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitionData: array({
        index: int32(),
        records: records({ nullable: "3+" }),
      }),
    }),
  },
});
export type ProduceRequest = MessageOf<typeof produceRequest>;

/** One base offset per partition, −1 with an error. v8: errors of single records. v10: current leader, for clients that asked the wrong one. */
export const produceResponse = message({
  name: "ProduceResponse",
  apiKey: 0,
  kind: "response",
  versions: "3-13",
  flexible: "9+",
  fields: {
    responses: array({
      name: string({ versions: "3-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitionResponses: array({
        index: int32(),
        errorCode: int16(),
        baseOffset: int64(),
        logAppendTimeMs: int64({ default: -1 }),
        logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
        recordErrors: array(
          {
            batchIndex: int32(),
            batchIndexErrorMessage: string({ nullable: "8+", default: null }),
          },
          { versions: "8+", ignorable: true },
        ),
        errorMessage: string({ versions: "8+", nullable: "8+", default: null, ignorable: true }),
        currentLeader: struct(
          {
            leaderId: int32({ default: -1 }),
            leaderEpoch: int32({ default: -1 }),
          },
          { versions: "10+", tag: 0 },
        ),
      }),
    }),
    throttleTimeMs: int32({ default: 0 }),
    nodeEndpoints: array(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: "10+", default: null }),
      },
      { versions: "10+", tag: 0 },
    ),
  },
});
export type ProduceResponse = MessageOf<typeof produceResponse>;
