import { int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** A producer id and epoch for an idempotent or transactional producer. v3: the ones it has, to be bumped. */
export const initProducerIdRequest = message({
  name: "InitProducerIdRequest",
  apiKey: 22,
  kind: "request",
  versions: "0-5",
  flexible: "2+",
  fields: {
    transactionalId: string({ nullable: "0+" }),
    transactionTimeoutMs: int32(),
    producerId: int64({ versions: "3+", default: -1 }),
    producerEpoch: int16({ versions: "3+", default: -1 }),
  },
});
export type InitProducerIdRequest = MessageOf<typeof initProducerIdRequest>;

/** −1 as producer id with an error. */
export const initProducerIdResponse = message({
  name: "InitProducerIdResponse",
  apiKey: 22,
  kind: "response",
  versions: "0-5",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    producerId: int64({ default: -1 }),
    producerEpoch: int16(),
  },
});
export type InitProducerIdResponse = MessageOf<typeof initProducerIdResponse>;
