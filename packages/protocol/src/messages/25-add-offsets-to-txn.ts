import { int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** A transaction is about to commit offsets of this group. */
export const addOffsetsToTxnRequest = message({
  name: "AddOffsetsToTxnRequest",
  apiKey: 25,
  kind: "request",
  versions: "0-4",
  flexible: "3+",
  fields: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    groupId: string(),
  },
});
export type AddOffsetsToTxnRequest = MessageOf<typeof addOffsetsToTxnRequest>;

/** Error or none. */
export const addOffsetsToTxnResponse = message({
  name: "AddOffsetsToTxnResponse",
  apiKey: 25,
  kind: "response",
  versions: "0-4",
  flexible: "3+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
  },
});
export type AddOffsetsToTxnResponse = MessageOf<typeof addOffsetsToTxnResponse>;
