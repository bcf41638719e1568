import { array, arrayOf, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Move replicas between the log directories of a broker. */
export const alterReplicaLogDirsRequest = message({
  name: "AlterReplicaLogDirsRequest",
  apiKey: 34,
  kind: "request",
  versions: "1-2",
  flexible: "2+",
  fields: {
    dirs: array({
      path: string(),
      topics: array({
        name: string(),
        partitions: arrayOf(int32()),
      }),
    }),
  },
});
export type AlterReplicaLogDirsRequest = MessageOf<typeof alterReplicaLogDirsRequest>;

/** One error per partition. */
export const alterReplicaLogDirsResponse = message({
  name: "AlterReplicaLogDirsResponse",
  apiKey: 34,
  kind: "response",
  versions: "1-2",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    results: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
});
export type AlterReplicaLogDirsResponse = MessageOf<typeof alterReplicaLogDirsResponse>;
