import { array, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** Offsets that count when the transaction commits. v3: group generation. */
export const txnOffsetCommitRequest = message({
  name: "TxnOffsetCommitRequest",
  apiKey: 28,
  kind: "request",
  versions: "0-5",
  flexible: "3+",
  fields: {
    transactionalId: string(),
    groupId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    generationId: int32({ versions: "3+", default: -1 }),
    memberId: string({ versions: "3+", default: "" }),
    groupInstanceId: string({ versions: "3+", nullable: "3+", default: null }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64({ clamp: true }),
        committedLeaderEpoch: int32({ versions: "2+", default: -1, ignorable: true }),
        committedMetadata: string({ nullable: "0+" }),
      }),
    }),
  },
});
export type TxnOffsetCommitRequest = MessageOf<typeof txnOffsetCommitRequest>;

/** One error per partition. */
export const txnOffsetCommitResponse = message({
  name: "TxnOffsetCommitResponse",
  apiKey: 28,
  kind: "response",
  versions: "0-5",
  flexible: "3+",
  fields: {
    throttleTimeMs: int32(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
});
export type TxnOffsetCommitResponse = MessageOf<typeof txnOffsetCommitResponse>;
