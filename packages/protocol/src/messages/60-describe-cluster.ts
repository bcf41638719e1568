import { array, bool, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Brokers (endpoint type 1) or controllers (2) and the cluster id. v2: fenced brokers too. */
export const describeClusterRequest = message({
  name: "DescribeClusterRequest",
  apiKey: 60,
  kind: "request",
  versions: "0-2",
  flexible: "0+",
  fields: {
    includeClusterAuthorizedOperations: bool(),
    endpointType: int8({ versions: "1+", default: 1 }),
    includeFencedBrokers: bool({ versions: "2+" }),
  },
});
export type DescribeClusterRequest = MessageOf<typeof describeClusterRequest>;

/** v1: endpoint type. */
export const describeClusterResponse = message({
  name: "DescribeClusterResponse",
  apiKey: 60,
  kind: "response",
  versions: "0-2",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    endpointType: int8({ versions: "1+", default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: "0+", default: null }),
      isFenced: bool({ versions: "2+" }),
    }),
    clusterAuthorizedOperations: int32({ default: -2147483648 }),
  },
});
export type DescribeClusterResponse = MessageOf<typeof describeClusterResponse>;
