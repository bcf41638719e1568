import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { deleteRecordsRequest, deleteRecordsResponse } from "@tidemq/protocol/messages/21-delete-records.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { QueueError } from "../../base/errors.ts";
import type { Partition } from "../../partition/partition.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { findPartition } from "../partition-access.ts";

/*
 * Behaviour
 * - Moves the start of a partition up to the offset given, -1 to its high watermark. Never down: a lower offset is answered
 *   with the start as it is. Above the high watermark: OFFSET_OUT_OF_RANGE.
 * - Topics that are only compacted are POLICY_VIOLATION.
 * - Answered when the start has moved. What lies below cannot be read any more; its bytes go later.
 *
 * Version notes
 * - v2 flexible
 */

type PartitionAnswer = MessageInput<typeof deleteRecordsResponse>["topics"][number]["partitions"][number];

const UNKNOWN = -1;
const HIGH_WATERMARK = -1;

export function deleteRecordsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: deleteRecordsRequest,
    response: deleteRecordsResponse,
    async handle({ topics }) {
      const answers = topics.map(async ({ name, partitions }) => {
        const moved = partitions.map(({ partitionIndex, offset }) => deleteBelow(parts, name, partitionIndex, offset));
        return { name, partitions: await Promise.all(moved) };
      });
      return { throttleTimeMs: 0, topics: await Promise.all(answers) };
    },
    refuse: ({ topics }, code) => ({
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => failed(partitionIndex, code)),
      })),
    }),
  });
}

async function deleteBelow(parts: KafkaParts, topic: string, partitionIndex: number, offset: number): Promise<PartitionAnswer> {
  const found = findPartition(parts, topic, partitionIndex, -1);
  if (typeof found === "number") return failed(partitionIndex, found);
  try {
    const lowWatermark = await raiseLogStart(parts, found, offset);
    return { partitionIndex, lowWatermark, errorCode: ErrorCode.NONE };
  } catch (thrown) {
    return failed(partitionIndex, failureOf(parts, thrown, "DeleteRecords")[0]);
  }
}

async function raiseLogStart(parts: KafkaParts, partition: Partition, offset: number): Promise<number> {
  if (!partition.settings.isDeletable) throw new QueueError("POLICY_VIOLATION", `the topic of ${partition.name} is only compacted`);
  const { highWatermark, logStart } = partition;
  const target = offset === HIGH_WATERMARK ? highWatermark : offset;
  if (target < 0 || target > highWatermark) {
    throw new QueueError("OFFSET_OUT_OF_RANGE", `offset out of range. partition=${partition.name} requested=${offset}`);
  }
  if (target <= logStart) return logStart;
  const { identity, leaderEpoch } = partition;
  const raised = await partition.raiseLogStart(target, (batchOffset) =>
    parts.controller.raiseLogStart(identity.id, leaderEpoch, target, batchOffset),
  );
  parts.counters.logStartsRaised += 1;
  return raised.logStart;
}

function failed(partitionIndex: number, errorCode: number): PartitionAnswer {
  return { partitionIndex, lowWatermark: UNKNOWN, errorCode };
}
