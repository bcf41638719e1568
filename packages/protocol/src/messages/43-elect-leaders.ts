import { array, arrayOf, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Elect the preferred leader (0), or any replica (1). */
export const electLeadersRequest = message({
  name: "ElectLeadersRequest",
  apiKey: 43,
  kind: "request",
  versions: "0-2",
  flexible: "2+",
  fields: {
    electionType: int8({ versions: "1+" }),
    topicPartitions: array(
      {
        topic: string(),
        partitions: arrayOf(int32()),
      },
      { nullable: "0+" },
    ),
    timeoutMs: int32({ default: 60000 }),
  },
});
export type ElectLeadersRequest = MessageOf<typeof electLeadersRequest>;

/** One error per partition. */
export const electLeadersResponse = message({
  name: "ElectLeadersResponse",
  apiKey: 43,
  kind: "response",
  versions: "0-2",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "1+" }),
    replicaElectionResults: array({
      topic: string(),
      partitionResult: array({
        partitionId: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+" }),
      }),
    }),
  },
});
export type ElectLeadersResponse = MessageOf<typeof electLeadersResponse>;
