import { array, int16, int32, int64, type MessageOf, message, string, uuid } from "../schema.ts";

/** A group coordinator begins the persistent state of share partitions. */
export const initializeShareGroupStateRequest = message({
  name: "InitializeShareGroupStateRequest",
  apiKey: 83,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    groupId: string(),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
        stateEpoch: int32(),
        startOffset: int64(),
      }),
    }),
  },
});
export type InitializeShareGroupStateRequest = MessageOf<typeof initializeShareGroupStateRequest>;

/** One error per partition. */
export const initializeShareGroupStateResponse = message({
  name: "InitializeShareGroupStateResponse",
  apiKey: 83,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    results: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+", default: null }),
      }),
    }),
  },
});
export type InitializeShareGroupStateResponse = MessageOf<typeof initializeShareGroupStateResponse>;
