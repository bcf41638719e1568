import { array, int16, int32, int64, type MessageOf, message, string, uuid } from "../schema.ts";

/** Set where a share group starts. */
export const alterShareGroupOffsetsRequest = message({
  name: "AlterShareGroupOffsetsRequest",
  apiKey: 91,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    groupId: string(),
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        startOffset: int64({ clamp: true }),
      }),
    }),
  },
});
export type AlterShareGroupOffsetsRequest = MessageOf<typeof alterShareGroupOffsetsRequest>;

/** One error per partition. */
export const alterShareGroupOffsetsResponse = message({
  name: "AlterShareGroupOffsetsResponse",
  apiKey: 91,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    responses: array({
      topicName: string(),
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+", default: null }),
      }),
    }),
  },
});
export type AlterShareGroupOffsetsResponse = MessageOf<typeof alterShareGroupOffsetsResponse>;
