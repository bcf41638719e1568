import { array, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** Move the start of partitions up; −1 is their high watermark. */
export const deleteRecordsRequest = message({
  name: "DeleteRecordsRequest",
  apiKey: 21,
  kind: "request",
  versions: "0-2",
  flexible: "2+",
  fields: {
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        offset: int64({ clamp: true }),
      }),
    }),
    timeoutMs: int32(),
  },
});
export type DeleteRecordsRequest = MessageOf<typeof deleteRecordsRequest>;

/** The new start of each partition. */
export const deleteRecordsResponse = message({
  name: "DeleteRecordsResponse",
  apiKey: 21,
  kind: "response",
  versions: "0-2",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        lowWatermark: int64(),
        errorCode: int16(),
      }),
    }),
  },
});
export type DeleteRecordsResponse = MessageOf<typeof deleteRecordsResponse>;
