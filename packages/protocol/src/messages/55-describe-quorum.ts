import { array, type Fields, int16, int32, int64, type MessageOf, message, string, uint16, uuid } from "../schema.ts";

/** State of a Raft quorum. */
export const describeQuorumRequest = message({
  name: "DescribeQuorumRequest",
  apiKey: 55,
  kind: "request",
  versions: "0-2",
  flexible: "0+",
  fields: {
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
      }),
    }),
  },
});
export type DescribeQuorumRequest = MessageOf<typeof describeQuorumRequest>;

const replicaStateFields = {
  replicaId: int32(),
  replicaDirectoryId: uuid({ versions: "2+" }),
  logEndOffset: int64(),
  lastFetchTimestamp: int64({ versions: "1+", default: -1, ignorable: true }),
  lastCaughtUpTimestamp: int64({ versions: "1+", default: -1, ignorable: true }),
} as const satisfies Fields;

/** Voters and observers with how far they are. v2: their directories and endpoints. */
export const describeQuorumResponse = message({
  name: "DescribeQuorumResponse",
  apiKey: 55,
  kind: "response",
  versions: "0-2",
  flexible: "0+",
  fields: {
    errorCode: int16(),
    errorMessage: string({ versions: "2+", nullable: "2+", ignorable: true }),
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ versions: "2+", nullable: "2+", ignorable: true }),
        leaderId: int32(),
        leaderEpoch: int32(),
        highWatermark: int64(),
        currentVoters: array(replicaStateFields),
        observers: array(replicaStateFields),
      }),
    }),
    nodes: array(
      {
        nodeId: int32(),
        listeners: array({
          name: string(),
          host: string(),
          port: uint16(),
        }),
      },
      { versions: "2+" },
    ),
  },
});
export type DescribeQuorumResponse = MessageOf<typeof describeQuorumResponse>;
