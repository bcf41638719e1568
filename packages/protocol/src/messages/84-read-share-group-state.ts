import { array, int8, int16, int32, int64, type MessageOf, message, string, uuid } from "../schema.ts";

/** Read the persistent state of share partitions. */
export const readShareGroupStateRequest = message({
  name: "ReadShareGroupStateRequest",
  apiKey: 84,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    groupId: string(),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
        leaderEpoch: int32(),
      }),
    }),
  },
});
export type ReadShareGroupStateRequest = MessageOf<typeof readShareGroupStateRequest>;

/** State epoch, start offset, and the batches in flight. */
export const readShareGroupStateResponse = message({
  name: "ReadShareGroupStateResponse",
  apiKey: 84,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    results: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+", default: null }),
        stateEpoch: int32(),
        startOffset: int64(),
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
export type ReadShareGroupStateResponse = MessageOf<typeof readShareGroupStateResponse>;
