import { array, arrayOf, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Which broker coordinates a group (key type 0), a transactional id (1) or a share partition (2). v4: many keys at once. */
export const findCoordinatorRequest = message({
  name: "FindCoordinatorRequest",
  apiKey: 10,
  kind: "request",
  versions: "0-6",
  flexible: "3+",
  fields: {
    key: string({ versions: "0-3" }),
    keyType: int8({ versions: "1+", default: 0 }),
    coordinatorKeys: arrayOf(string(), { versions: "4+" }),
  },
});
export type FindCoordinatorRequest = MessageOf<typeof findCoordinatorRequest>;

/** v0–3 one coordinator, from v4 a list. */
export const findCoordinatorResponse = message({
  name: "FindCoordinatorResponse",
  apiKey: 10,
  kind: "response",
  versions: "0-6",
  flexible: "3+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16({ versions: "0-3" }),
    errorMessage: string({ versions: "1-3", nullable: "1-3", ignorable: true }),
    nodeId: int32({ versions: "0-3" }),
    host: string({ versions: "0-3" }),
    port: int32({ versions: "0-3" }),
    coordinators: array(
      {
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "4+" }),
      },
      { versions: "4+" },
    ),
  },
});
export type FindCoordinatorResponse = MessageOf<typeof findCoordinatorResponse>;
