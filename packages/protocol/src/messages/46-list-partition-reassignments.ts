import { array, arrayOf, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Moves under way; null asks for all. */
export const listPartitionReassignmentsRequest = message({
  name: "ListPartitionReassignmentsRequest",
  apiKey: 46,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    timeoutMs: int32({ default: 60000 }),
    topics: array(
      {
        name: string(),
        partitionIndexes: arrayOf(int32()),
      },
      { nullable: "0+", default: null },
    ),
  },
});
export type ListPartitionReassignmentsRequest = MessageOf<typeof listPartitionReassignmentsRequest>;

/** Replicas, and those being added and removed. */
export const listPartitionReassignmentsResponse = message({
  name: "ListPartitionReassignmentsResponse",
  apiKey: 46,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        replicas: arrayOf(int32()),
        addingReplicas: arrayOf(int32()),
        removingReplicas: arrayOf(int32()),
      }),
    }),
  },
});
export type ListPartitionReassignmentsResponse = MessageOf<typeof listPartitionReassignmentsResponse>;
