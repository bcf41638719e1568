import { array, bool, int16, int32, type MessageOf, message, string, uint16, uuid } from "../schema.ts";

/** Add a voter to the quorum of controllers. */
export const addRaftVoterRequest = message({
  name: "AddRaftVoterRequest",
  apiKey: 80,
  kind: "request",
  versions: "0-1",
  flexible: "0+",
  fields: {
    clusterId: string({ nullable: "0+" }),
    timeoutMs: int32(),
    voterId: int32(),
    voterDirectoryId: uuid(),
    listeners: array({
      name: string(),
      host: string(),
      port: uint16(),
    }),
    ackWhenCommitted: bool({ versions: "1+", default: true }),
  },
});
export type AddRaftVoterRequest = MessageOf<typeof addRaftVoterRequest>;

/** Error or none. */
export const addRaftVoterResponse = message({
  name: "AddRaftVoterResponse",
  apiKey: 80,
  kind: "response",
  versions: "0-1",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
  },
});
export type AddRaftVoterResponse = MessageOf<typeof addRaftVoterResponse>;
