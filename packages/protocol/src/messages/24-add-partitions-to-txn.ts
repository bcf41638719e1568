import { array, arrayOf, bool, type Fields, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

const addPartitionsToTxnTopicFields = {
  name: string(),
  partitions: arrayOf(int32()),
} as const satisfies Fields;

/** Partitions that a transaction is about to write: v0–3 of one, from v4 of many transactions, or to verify only. */
export const addPartitionsToTxnRequest = message({
  name: "AddPartitionsToTxnRequest",
  apiKey: 24,
  kind: "request",
  versions: "0-5",
  flexible: "3+",
  fields: {
    transactions: array(
      {
        transactionalId: string(),
        producerId: int64(),
        producerEpoch: int16(),
        verifyOnly: bool({ default: false }),
        topics: array(addPartitionsToTxnTopicFields),
      },
      { versions: "4+" },
    ),
    v3AndBelowTransactionalId: string({ versions: "0-3" }),
    v3AndBelowProducerId: int64({ versions: "0-3" }),
    v3AndBelowProducerEpoch: int16({ versions: "0-3" }),
    v3AndBelowTopics: array(addPartitionsToTxnTopicFields, { versions: "0-3" }),
  },
});
export type AddPartitionsToTxnRequest = MessageOf<typeof addPartitionsToTxnRequest>;

const addPartitionsToTxnPartitionResultFields = {
  partitionIndex: int32(),
  partitionErrorCode: int16(),
} as const satisfies Fields;

const addPartitionsToTxnTopicResultFields = {
  name: string(),
  resultsByPartition: array(addPartitionsToTxnPartitionResultFields),
} as const satisfies Fields;

/** v4: one answer per transaction. */
export const addPartitionsToTxnResponse = message({
  name: "AddPartitionsToTxnResponse",
  apiKey: 24,
  kind: "response",
  versions: "0-5",
  flexible: "3+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "4+", ignorable: true }),
    resultsByTransaction: array(
      {
        transactionalId: string(),
        topicResults: array(addPartitionsToTxnTopicResultFields),
      },
      { versions: "4+" },
    ),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResultFields, { versions: "0-3" }),
  },
});
export type AddPartitionsToTxnResponse = MessageOf<typeof addPartitionsToTxnResponse>;
