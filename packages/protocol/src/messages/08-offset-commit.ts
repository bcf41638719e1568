import { array, int16, int32, int64, type MessageOf, message, string, uuid } from "../schema.ts";

/** Store the offsets that a group has consumed up to. v8: flexible. v9: member epochs of the new group protocol. v10: topics by id. */
export const offsetCommitRequest = message({
  name: "OffsetCommitRequest",
  apiKey: 8,
  kind: "request",
  versions: "2-10",
  flexible: "8+",
  fields: {
    groupId: string(),
    generationIdOrMemberEpoch: int32({ default: -1 }),
    memberId: string(),
    groupInstanceId: string({ versions: "7+", nullable: "7+", default: null }),
    retentionTimeMs: int64({ versions: "2-4", default: -1, ignorable: true }),
    topics: array({
      name: string({ versions: "2-9", ignorable: true }),
      topicId: uuid({ versions: "10+", ignorable: true }),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64({ clamp: true }),
        committedLeaderEpoch: int32({ versions: "6+", default: -1, ignorable: true }),
        committedMetadata: string({ nullable: "2+" }),
      }),
    }),
  },
});
export type OffsetCommitRequest = MessageOf<typeof offsetCommitRequest>;

/** One error per partition. */
export const offsetCommitResponse = message({
  name: "OffsetCommitResponse",
  apiKey: 8,
  kind: "response",
  versions: "2-10",
  flexible: "8+",
  fields: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    topics: array({
      name: string({ versions: "2-9", ignorable: true }),
      topicId: uuid({ versions: "10+", ignorable: true }),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
});
export type OffsetCommitResponse = MessageOf<typeof offsetCommitResponse>;
