import { array, arrayOf, int16, int32, int64, type MessageOf, message, string, uuid } from "../schema.ts";

/** Where share groups stand; null asks for all topics. */
export const describeShareGroupOffsetsRequest = message({
  name: "DescribeShareGroupOffsetsRequest",
  apiKey: 90,
  kind: "request",
  versions: "0-1",
  flexible: "0+",
  fields: {
    groups: array({
      groupId: string(),
      topics: array(
        {
          topicName: string(),
          partitions: arrayOf(int32()),
        },
        { nullable: "0+" },
      ),
    }),
  },
});
export type DescribeShareGroupOffsetsRequest = MessageOf<typeof describeShareGroupOffsetsRequest>;

/** Start offset per partition. v1: lag. */
export const describeShareGroupOffsetsResponse = message({
  name: "DescribeShareGroupOffsetsResponse",
  apiKey: 90,
  kind: "response",
  versions: "0-1",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    groups: array({
      groupId: string(),
      topics: array({
        topicName: string(),
        topicId: uuid(),
        partitions: array({
          partitionIndex: int32(),
          startOffset: int64(),
          leaderEpoch: int32(),
          lag: int64({ versions: "1+", default: -1, ignorable: true }),
          errorCode: int16(),
          errorMessage: string({ nullable: "0+", default: null }),
        }),
      }),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
    }),
  },
});
export type DescribeShareGroupOffsetsResponse = MessageOf<typeof describeShareGroupOffsetsResponse>;
