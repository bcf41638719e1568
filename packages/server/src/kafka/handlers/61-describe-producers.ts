import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { describeProducersRequest, describeProducersResponse } from "@tidemq/protocol/messages/61-describe-producers.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { Partition } from "../../partition/partition.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { findPartition } from "../partition-access.ts";

/*
 * Behaviour
 * - The idempotent producers that the partition remembers. No transaction is ever open: there are none yet.
 *
 * Version notes
 * - v0 flexible already
 */

type PartitionAnswer = MessageInput<typeof describeProducersResponse>["topics"][number]["partitions"][number];

/** Of a transaction's coordinator. */
const NO_EPOCH = -1;

export function describeProducersHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: describeProducersRequest,
    response: describeProducersResponse,
    handle: (request) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((index) => {
          const found = findPartition(parts, name, index, -1);
          return typeof found === "number" ? failed(index, found, null) : described(index, found);
        }),
      })),
    }),
    refuse: (request, code, message) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((index) => failed(index, code, message)),
      })),
    }),
  });
}

function described(partitionIndex: number, { live }: Partition): PartitionAnswer {
  const activeProducers = [...live.producers].map(([producerId, producer]) => ({
    producerId,
    producerEpoch: producer.producerEpoch,
    lastSequence: producer.lastSequence,
    lastTimestamp: producer.lastTimestampMs,
    coordinatorEpoch: NO_EPOCH,
  }));
  return { partitionIndex, errorCode: ErrorCode.NONE, activeProducers };
}

function failed(partitionIndex: number, errorCode: number, errorMessage: string | null): PartitionAnswer {
  return { partitionIndex, errorCode, errorMessage, activeProducers: [] };
}
