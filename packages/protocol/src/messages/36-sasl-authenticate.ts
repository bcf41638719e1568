import { bytes, int16, int64, type MessageOf, message, string } from "../schema.ts";

/** One message of the SASL exchange. v2: flexible. */
export const saslAuthenticateRequest = message({
  name: "SaslAuthenticateRequest",
  apiKey: 36,
  kind: "request",
  versions: "0-2",
  flexible: "2+",
  fields: {
    authBytes: bytes(),
  },
});
export type SaslAuthenticateRequest = MessageOf<typeof saslAuthenticateRequest>;

/** The broker's message. v1: how long the session may last. */
export const saslAuthenticateResponse = message({
  name: "SaslAuthenticateResponse",
  apiKey: 36,
  kind: "response",
  versions: "0-2",
  flexible: "2+",
  fields: {
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    authBytes: bytes(),
    sessionLifetimeMs: int64({ versions: "1+", default: 0, ignorable: true }),
  },
});
export type SaslAuthenticateResponse = MessageOf<typeof saslAuthenticateResponse>;
