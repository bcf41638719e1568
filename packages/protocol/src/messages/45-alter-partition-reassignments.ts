import { array, arrayOf, bool, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Move replicas; null cancels a move. */
export const alterPartitionReassignmentsRequest = message({
  name: "AlterPartitionReassignmentsRequest",
  apiKey: 45,
  kind: "request",
  versions: "0-1",
  flexible: "0+",
  fields: {
    timeoutMs: int32({ default: 60000 }),
    allowReplicationFactorChange: bool({ versions: "1+", default: true }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        replicas: arrayOf(int32(), { nullable: "0+", default: null }),
      }),
    }),
  },
});
export type AlterPartitionReassignmentsRequest = MessageOf<typeof alterPartitionReassignmentsRequest>;

/** One error per partition. */
export const alterPartitionReassignmentsResponse = message({
  name: "AlterPartitionReassignmentsResponse",
  apiKey: 45,
  kind: "response",
  versions: "0-1",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    allowReplicationFactorChange: bool({ versions: "1+", default: true, ignorable: true }),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    responses: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+" }),
      }),
    }),
  },
});
export type AlterPartitionReassignmentsResponse = MessageOf<typeof alterPartitionReassignmentsResponse>;
