import { array, arrayOf, bool, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Grow topics to a new total of partitions. */
export const createPartitionsRequest = message({
  name: "CreatePartitionsRequest",
  apiKey: 37,
  kind: "request",
  versions: "0-3",
  flexible: "2+",
  fields: {
    topics: array({
      name: string(),
      count: int32(),
      assignments: array(
        {
          brokerIds: arrayOf(int32()),
        },
        { nullable: "0+" },
      ),
    }),
    timeoutMs: int32(),
    validateOnly: bool(),
  },
});
export type CreatePartitionsRequest = MessageOf<typeof createPartitionsRequest>;

/** One answer per topic. */
export const createPartitionsResponse = message({
  name: "CreatePartitionsResponse",
  apiKey: 37,
  kind: "response",
  versions: "0-3",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    results: array({
      name: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
    }),
  },
});
export type CreatePartitionsResponse = MessageOf<typeof createPartitionsResponse>;
