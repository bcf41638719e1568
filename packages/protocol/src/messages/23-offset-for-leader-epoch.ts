import { array, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** Where a leader epoch ended, for clients and followers that check for truncation. */
export const offsetForLeaderEpochRequest = message({
  name: "OffsetForLeaderEpochRequest",
  apiKey: 23,
  kind: "request",
  versions: "2-4",
  flexible: "4+",
  fields: {
    replicaId: int32({ versions: "3+", default: -2, ignorable: true }),
    topics: array({
      topic: string(),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32({ default: -1 }),
        leaderEpoch: int32(),
      }),
    }),
  },
});
export type OffsetForLeaderEpochRequest = MessageOf<typeof offsetForLeaderEpochRequest>;

/** The largest epoch not above the one asked for, and its end. */
export const offsetForLeaderEpochResponse = message({
  name: "OffsetForLeaderEpochResponse",
  apiKey: 23,
  kind: "response",
  versions: "2-4",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32(),
    topics: array({
      topic: string(),
      partitions: array({
        errorCode: int16(),
        partition: int32(),
        leaderEpoch: int32({ default: -1 }),
        endOffset: int64({ default: -1 }),
      }),
    }),
  },
});
export type OffsetForLeaderEpochResponse = MessageOf<typeof offsetForLeaderEpochResponse>;
