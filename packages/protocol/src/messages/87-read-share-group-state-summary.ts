import { array, int16, int32, int64, type MessageOf, message, string, uuid } from "../schema.ts";

/** Read where share partitions stand. v1: count of delivered records. */
export const readShareGroupStateSummaryRequest = message({
  name: "ReadShareGroupStateSummaryRequest",
  apiKey: 87,
  kind: "request",
  versions: "0-1",
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
export type ReadShareGroupStateSummaryRequest = MessageOf<typeof readShareGroupStateSummaryRequest>;

/** Epochs and start offsets, without batches. */
export const readShareGroupStateSummaryResponse = message({
  name: "ReadShareGroupStateSummaryResponse",
  apiKey: 87,
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
        stateEpoch: int32(),
        leaderEpoch: int32(),
        startOffset: int64(),
        deliveryCompleteCount: int32({ versions: "1+", default: -1, ignorable: true }),
      }),
    }),
  },
});
export type ReadShareGroupStateSummaryResponse = MessageOf<typeof readShareGroupStateSummaryResponse>;
