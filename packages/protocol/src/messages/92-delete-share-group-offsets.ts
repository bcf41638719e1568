import { array, int16, int32, type MessageOf, message, string, uuid } from "../schema.ts";

/** Forget where a share group stands. */
export const deleteShareGroupOffsetsRequest = message({
  name: "DeleteShareGroupOffsetsRequest",
  apiKey: 92,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    groupId: string(),
    topics: array({
      topicName: string(),
    }),
  },
});
export type DeleteShareGroupOffsetsRequest = MessageOf<typeof deleteShareGroupOffsetsRequest>;

/** One error per topic. */
export const deleteShareGroupOffsetsResponse = message({
  name: "DeleteShareGroupOffsetsResponse",
  apiKey: 92,
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
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
    }),
  },
});
export type DeleteShareGroupOffsetsResponse = MessageOf<typeof deleteShareGroupOffsetsResponse>;
