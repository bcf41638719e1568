import { array, arrayOf, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** Producers that have written to partitions. */
export const describeProducersRequest = message({
  name: "DescribeProducersRequest",
  apiKey: 61,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    topics: array({
      name: string(),
      partitionIndexes: arrayOf(int32()),
    }),
  },
});
export type DescribeProducersRequest = MessageOf<typeof describeProducersRequest>;

/** Last sequence, epoch, and where an open transaction began (−1: none). */
export const describeProducersResponse = message({
  name: "DescribeProducersResponse",
  apiKey: 61,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+", default: null }),
        activeProducers: array({
          producerId: int64(),
          producerEpoch: int32(),
          lastSequence: int32({ default: -1 }),
          lastTimestamp: int64({ default: -1 }),
          coordinatorEpoch: int32(),
          currentTxnStartOffset: int64({ default: -1 }),
        }),
      }),
    }),
  },
});
export type DescribeProducersResponse = MessageOf<typeof describeProducersResponse>;
