import { array, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Delete committed offsets of topics that the group is not subscribed to. */
export const offsetDeleteRequest = message({
  name: "OffsetDeleteRequest",
  apiKey: 47,
  kind: "request",
  versions: "0",
  fields: {
    groupId: string(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
      }),
    }),
  },
});
export type OffsetDeleteRequest = MessageOf<typeof offsetDeleteRequest>;

/** One error per partition. */
export const offsetDeleteResponse = message({
  name: "OffsetDeleteResponse",
  apiKey: 47,
  kind: "response",
  versions: "0",
  fields: {
    errorCode: int16(),
    throttleTimeMs: int32(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
});
export type OffsetDeleteResponse = MessageOf<typeof offsetDeleteResponse>;
