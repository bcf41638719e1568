import { array, int16, int32, type MessageOf, message, string, uuid } from "../schema.ts";

/** Delete the persistent state of share partitions. */
export const deleteShareGroupStateRequest = message({
  name: "DeleteShareGroupStateRequest",
  apiKey: 86,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    groupId: string(),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
      }),
    }),
  },
});
export type DeleteShareGroupStateRequest = MessageOf<typeof deleteShareGroupStateRequest>;

/** One error per partition. */
export const deleteShareGroupStateResponse = message({
  name: "DeleteShareGroupStateResponse",
  apiKey: 86,
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
export type DeleteShareGroupStateResponse = MessageOf<typeof deleteShareGroupStateResponse>;
