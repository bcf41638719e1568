import { array, int8, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** Offset by timestamp; −2 earliest, −1 latest, −3 of the largest timestamp, −4 earliest local, −5 latest tiered. v6: flexible. */
export const listOffsetsRequest = message({
  name: "ListOffsetsRequest",
  apiKey: 2,
  kind: "request",
  versions: "1-11",
  flexible: "6+",
  fields: {
    replicaId: int32(),
    isolationLevel: int8({ versions: "2+" }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        currentLeaderEpoch: int32({ versions: "4+", default: -1, ignorable: true }),
        timestamp: int64({ clamp: true }),
      }),
    }),
    timeoutMs: int32({ versions: "10+", ignorable: true }),
  },
});
export type ListOffsetsRequest = MessageOf<typeof listOffsetsRequest>;

/** −1 as offset when no record is that young. v4: leader epoch of the offset. */
export const listOffsetsResponse = message({
  name: "ListOffsetsResponse",
  apiKey: 2,
  kind: "response",
  versions: "1-11",
  flexible: "6+",
  fields: {
    throttleTimeMs: int32({ versions: "2+", ignorable: true }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        timestamp: int64({ default: -1 }),
        offset: int64({ default: -1 }),
        leaderEpoch: int32({ versions: "4+", default: -1 }),
      }),
    }),
  },
});
export type ListOffsetsResponse = MessageOf<typeof listOffsetsResponse>;
