import { array, arrayOf, bool, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** Sizes of replicas; null asks for all. v4: space of the volume. */
export const describeLogDirsRequest = message({
  name: "DescribeLogDirsRequest",
  apiKey: 35,
  kind: "request",
  versions: "1-5",
  flexible: "2+",
  fields: {
    topics: array(
      {
        topic: string(),
        partitions: arrayOf(int32()),
      },
      { nullable: "1+" },
    ),
  },
});
export type DescribeLogDirsRequest = MessageOf<typeof describeLogDirsRequest>;

/** v4: total and usable bytes. v5: cordoned directories. */
export const describeLogDirsResponse = message({
  name: "DescribeLogDirsResponse",
  apiKey: 35,
  kind: "response",
  versions: "1-5",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "3+", ignorable: true }),
    results: array({
      errorCode: int16(),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: bool(),
        }),
      }),
      totalBytes: int64({ versions: "4+", default: -1, ignorable: true }),
      usableBytes: int64({ versions: "4+", default: -1, ignorable: true }),
      isCordoned: bool({ versions: "5+", default: false, ignorable: true }),
    }),
  },
});
export type DescribeLogDirsResponse = MessageOf<typeof describeLogDirsResponse>;
