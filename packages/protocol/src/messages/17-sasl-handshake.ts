import { arrayOf, int16, type MessageOf, message, string } from "../schema.ts";

/** Choose a SASL mechanism. Never flexible. */
export const saslHandshakeRequest = message({
  name: "SaslHandshakeRequest",
  apiKey: 17,
  kind: "request",
  versions: "0-1",
  fields: {
    mechanism: string(),
  },
});
export type SaslHandshakeRequest = MessageOf<typeof saslHandshakeRequest>;

/** The mechanisms that the broker has. */
export const saslHandshakeResponse = message({
  name: "SaslHandshakeResponse",
  apiKey: 17,
  kind: "response",
  versions: "0-1",
  fields: {
    errorCode: int16(),
    mechanisms: arrayOf(string()),
  },
});
export type SaslHandshakeResponse = MessageOf<typeof saslHandshakeResponse>;
