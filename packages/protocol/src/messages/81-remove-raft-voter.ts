import { int16, int32, type MessageOf, message, string, uuid } from "../schema.ts";

/** Remove a voter from the quorum of controllers. */
export const removeRaftVoterRequest = message({
  name: "RemoveRaftVoterRequest",
  apiKey: 81,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    clusterId: string({ nullable: "0+" }),
    voterId: int32(),
    voterDirectoryId: uuid(),
  },
});
export type RemoveRaftVoterRequest = MessageOf<typeof removeRaftVoterRequest>;

/** Error or none. */
export const removeRaftVoterResponse = message({
  name: "RemoveRaftVoterResponse",
  apiKey: 81,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
  },
});
export type RemoveRaftVoterResponse = MessageOf<typeof removeRaftVoterResponse>;
