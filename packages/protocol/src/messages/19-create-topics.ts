import { array, arrayOf, bool, int8, int16, int32, type MessageOf, message, string, uuid } from "../schema.ts";

/** New topics, by counts or by replica assignment. v5: flexible. */
export const createTopicsRequest = message({
  name: "CreateTopicsRequest",
  apiKey: 19,
  kind: "request",
  versions: "2-7",
  flexible: "5+",
  fields: {
    topics: array({
      name: string(),
      numPartitions: int32(),
      replicationFactor: int16(),
      assignments: array({
        partitionIndex: int32(),
        brokerIds: arrayOf(int32()),
      }),
      configs: array({
        name: string(),
        value: string({ nullable: "2+" }),
      }),
    }),
    timeoutMs: int32({ default: 60000 }),
    validateOnly: bool({ default: false }),
  },
});
export type CreateTopicsRequest = MessageOf<typeof createTopicsRequest>;

/** v5: the partitions and settings that came out. v7: topic ids. */
export const createTopicsResponse = message({
  name: "CreateTopicsResponse",
  apiKey: 19,
  kind: "response",
  versions: "2-7",
  flexible: "5+",
  fields: {
    throttleTimeMs: int32(),
    topics: array({
      name: string(),
      topicId: uuid({ versions: "7+", ignorable: true }),
      errorCode: int16(),
      errorMessage: string({ nullable: "2+" }),
      topicConfigErrorCode: int16({ versions: "5+", ignorable: true, tag: 0 }),
      numPartitions: int32({ versions: "5+", default: -1, ignorable: true }),
      replicationFactor: int16({ versions: "5+", default: -1, ignorable: true }),
      configs: array(
        {
          name: string(),
          value: string({ nullable: "5+" }),
          readOnly: bool(),
          configSource: int8({ default: -1 }),
          isSensitive: bool(),
        },
        { versions: "5+", nullable: "5+", ignorable: true },
      ),
    }),
  },
});
export type CreateTopicsResponse = MessageOf<typeof createTopicsResponse>;
