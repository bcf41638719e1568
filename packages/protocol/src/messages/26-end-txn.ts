import { bool, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** Commit or abort. v5: the producer epoch is bumped. */
export const endTxnRequest = message({
  name: "EndTxnRequest",
  apiKey: 26,
  kind: "request",
  versions: "0-5",
  flexible: "3+",
  fields: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    committed: bool(),
  },
});
export type EndTxnRequest = MessageOf<typeof endTxnRequest>;

/** v5: the producer id and epoch to go on with. */
export const endTxnResponse = message({
  name: "EndTxnResponse",
  apiKey: 26,
  kind: "response",
  versions: "0-5",
  flexible: "3+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    producerId: int64({ versions: "5+", default: -1, ignorable: true }),
    producerEpoch: int16({ versions: "5+", default: -1, ignorable: true }),
  },
});
export type EndTxnResponse = MessageOf<typeof endTxnResponse>;
