import { array, arrayOf, int16, int32, type MessageOf, message, string, uuid } from "../schema.ts";

/** Topics to delete: v1–5 by name, from v6 by name or id. */
export const deleteTopicsRequest = message({
  name: "DeleteTopicsRequest",
  apiKey: 20,
  kind: "request",
  versions: "1-6",
  flexible: "4+",
  fields: {
    topics: array(
      {
        name: string({ nullable: "6+", default: null }),
        topicId: uuid(),
      },
      { versions: "6+" },
    ),
    topicNames: arrayOf(string(), { versions: "1-5", ignorable: true }),
    timeoutMs: int32(),
  },
});
export type DeleteTopicsRequest = MessageOf<typeof deleteTopicsRequest>;

/** One answer per topic. v5: error text. */
export const deleteTopicsResponse = message({
  name: "DeleteTopicsResponse",
  apiKey: 20,
  kind: "response",
  versions: "1-6",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32(),
    responses: array({
      name: string({ nullable: "6+" }),
      topicId: uuid({ versions: "6+", ignorable: true }),
      errorCode: int16(),
      errorMessage: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    }),
  },
});
export type DeleteTopicsResponse = MessageOf<typeof deleteTopicsResponse>;
