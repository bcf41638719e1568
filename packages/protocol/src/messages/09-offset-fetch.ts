import { array, arrayOf, bool, int16, int32, int64, type MessageOf, message, string, uuid } from "../schema.ts";

/** Committed offsets: v1–7 of one group, from v8 of many. v7: wait for open transactions. v10: topics by id. */
export const offsetFetchRequest = message({
  name: "OffsetFetchRequest",
  apiKey: 9,
  kind: "request",
  versions: "1-10",
  flexible: "6+",
  fields: {
    groupId: string({ versions: "1-7" }),
    topics: array(
      {
        name: string(),
        partitionIndexes: arrayOf(int32()),
      },
      { versions: "1-7", nullable: "2-7" },
    ),
    groups: array(
      {
        groupId: string(),
        memberId: string({ versions: "9+", nullable: "9+", default: null, ignorable: true }),
        memberEpoch: int32({ versions: "9+", default: -1, ignorable: true }),
        topics: array(
          {
            name: string({ versions: "8-9", ignorable: true }),
            topicId: uuid({ versions: "10+", ignorable: true }),
            partitionIndexes: arrayOf(int32()),
          },
          { nullable: "8+" },
        ),
      },
      { versions: "8+" },
    ),
    requireStable: bool({ versions: "7+", default: false }),
  },
});
export type OffsetFetchRequest = MessageOf<typeof offsetFetchRequest>;

/** −1 as offset where nothing is committed. */
export const offsetFetchResponse = message({
  name: "OffsetFetchResponse",
  apiKey: 9,
  kind: "response",
  versions: "1-10",
  flexible: "6+",
  fields: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    topics: array(
      {
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ versions: "5-7", default: -1, ignorable: true }),
          metadata: string({ nullable: "1-7" }),
          errorCode: int16(),
        }),
      },
      { versions: "1-7" },
    ),
    errorCode: int16({ versions: "2-7", default: 0, ignorable: true }),
    groups: array(
      {
        groupId: string(),
        topics: array({
          name: string({ versions: "8-9", ignorable: true }),
          topicId: uuid({ versions: "10+", ignorable: true }),
          partitions: array({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ default: -1 }),
            metadata: string({ nullable: "8+" }),
            errorCode: int16(),
          }),
        }),
        errorCode: int16({ default: 0 }),
      },
      { versions: "8+" },
    ),
  },
});
export type OffsetFetchResponse = MessageOf<typeof offsetFetchResponse>;
