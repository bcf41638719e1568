import { int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Forget a broker. */
export const unregisterBrokerRequest = message({
  name: "UnregisterBrokerRequest",
  apiKey: 64,
  kind: "request",
  versions: "0",
  flexible: "0+",
  fields: {
    brokerId: int32(),
  },
});
export type UnregisterBrokerRequest = MessageOf<typeof unregisterBrokerRequest>;

/** Error or none. */
export const unregisterBrokerResponse = message({
  name: "UnregisterBrokerResponse",
  apiKey: 64,
  kind: "response",
  versions: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
  },
});
export type UnregisterBrokerResponse = MessageOf<typeof unregisterBrokerResponse>;
