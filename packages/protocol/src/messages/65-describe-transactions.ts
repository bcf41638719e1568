import { array, arrayOf, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** State of transactional ids. */
export const describeTransactionsRequest = message({
  name: "DescribeTransactionsRequest",
  apiKey: 65,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    transactionalIds: arrayOf(string()),
  },
});
export type DescribeTransactionsRequest = MessageOf<typeof describeTransactionsRequest>;

/** Producer, timeout, start in ms since 1970, and partitions. */
export const describeTransactionsResponse = message({
  name: "DescribeTransactionsResponse",
  apiKey: 65,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    transactionStates: array({
      errorCode: int16(),
      transactionalId: string(),
      transactionState: string(),
      transactionTimeoutMs: int32(),
      transactionStartTimeMs: int64(),
      producerId: int64(),
      producerEpoch: int16(),
      topics: array({
        topic: string(),
        partitions: arrayOf(int32()),
      }),
    }),
  },
});
export type DescribeTransactionsResponse = MessageOf<typeof describeTransactionsResponse>;
