import { array, int8, int16, int32, int64, type MessageOf, message, string, uuid } from "../schema.ts";

/** Write the persistent state of share partitions. v1: count of delivered records. */
export const writeShareGroupStateRequest = message({
  name: "WriteShareGroupStateRequest",
  apiKey: 85,
  kind: "request",
  versions: "0-1",
  flexible: "0+",
  fields: {
    groupId: string(),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
        stateEpoch: int32(),
        leaderEpoch: int32(),
        startOffset: int64(),
        deliveryCompleteCount: int32({ versions: "1+", default: -1, ignorable: true }),
        stateBatches: array({
          firstOffset: int64(),
          lastOffset: int64(),
          deliveryState: int8(),
          deliveryCount: int16(),
        }),
      }),
    }),
  },
});
export type WriteShareGroupStateRequest = MessageOf<typeof writeShareGroupStateRequest>;

/** One error per partition. */
export const writeShareGroupStateResponse = message({
  name: "WriteShareGroupStateResponse",
  apiKey: 85,
  kind: "response",
  versions: "0-1",
  flexible: "0+",
  fields: {
    results: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+", default: null }),
      }),
    }),
  },
});
export type WriteShareGroupStateResponse = MessageOf<typeof writeShareGroupStateResponse>;
