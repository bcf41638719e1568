import { array, arrayOf, bool, int8, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** A coordinator has partitions end their transactions. v2: transaction version. */
export const writeTxnMarkersRequest = message({
  name: "WriteTxnMarkersRequest",
  apiKey: 27,
  kind: "request",
  versions: "1-2",
  flexible: "1+",
  fields: {
    markers: array({
      producerId: int64(),
      producerEpoch: int16(),
      transactionResult: bool(),
      topics: array({
        name: string(),
        partitionIndexes: arrayOf(int32()),
      }),
      coordinatorEpoch: int32(),
      transactionVersion: int8({ versions: "2+", default: 0, ignorable: true }),
    }),
  },
});
export type WriteTxnMarkersRequest = MessageOf<typeof writeTxnMarkersRequest>;

/** One error per partition. */
export const writeTxnMarkersResponse = message({
  name: "WriteTxnMarkersResponse",
  apiKey: 27,
  kind: "response",
  versions: "1-2",
  flexible: "1+",
  fields: {
    markers: array({
      producerId: int64(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          errorCode: int16(),
        }),
      }),
    }),
  },
});
export type WriteTxnMarkersResponse = MessageOf<typeof writeTxnMarkersResponse>;
