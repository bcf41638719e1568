import { array, arrayOf, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** Transactions by state, producer, or age. v2: by pattern. */
export const listTransactionsRequest = message({
  name: "ListTransactionsRequest",
  apiKey: 66,
  kind: "request",
  versions: "0-2",
  flexible: "0+",
  fields: {
    stateFilters: arrayOf(string()),
    producerIdFilters: arrayOf(int64()),
    durationFilter: int64({ versions: "1+", default: -1, clamp: true }),
    transactionalIdPattern: string({ versions: "2+", nullable: "2+", default: null }),
  },
});
export type ListTransactionsRequest = MessageOf<typeof listTransactionsRequest>;

/** Ids and states of this broker. */
export const listTransactionsResponse = message({
  name: "ListTransactionsResponse",
  apiKey: 66,
  kind: "response",
  versions: "0-2",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    unknownStateFilters: arrayOf(string()),
    transactionStates: array({
      transactionalId: string(),
      producerId: int64(),
      transactionState: string(),
    }),
  },
});
export type ListTransactionsResponse = MessageOf<typeof listTransactionsResponse>;
