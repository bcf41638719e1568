import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { offsetForLeaderEpochRequest, offsetForLeaderEpochResponse } from "@tidemq/protocol/messages/23-offset-for-leader-epoch.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { Partition } from "../../partition/partition.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { findPartition } from "../partition-access.ts";

/*
 * Behaviour
 * - The largest leader epoch at or below the one asked for, and the offset behind its last record: −1 and −1 when none is
 *   known. The newest ends where the log does, committed or not: a new leader may not know yet what of it is, and a consumer that
 *   has read beyond the answer takes its records for cut off, and goes back.
 *
 * Version notes
 * - v2 the leader epoch that the client believes in · v3 replica id (consumers: −1; −2 when not given) · v4 flexible
 */

type PartitionAnswer = MessageInput<typeof offsetForLeaderEpochResponse>["topics"][number]["partitions"][number];

const UNDEFINED = -1;

export function offsetForLeaderEpochHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: offsetForLeaderEpochRequest,
    response: offsetForLeaderEpochResponse,
    handle: (request) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
          const found = findPartition(parts, topic, partition, currentLeaderEpoch);
          return typeof found === "number" ? failed(partition, found) : endOf(found, partition, leaderEpoch);
        }),
      })),
    }),
    refuse: (request, code) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition }) => failed(partition, code)),
      })),
    }),
  });
}

function endOf(partition: Partition, index: number, epoch: number): PartitionAnswer {
  const answer = { errorCode: ErrorCode.NONE, partition: index };
  const { leaderEpoch, logEnd, live } = partition;
  if (epoch === leaderEpoch) return { ...answer, leaderEpoch, endOffset: logEnd };
  const end = epoch < 0 || epoch > leaderEpoch ? undefined : live.epochEnd(epoch);
  if (end === undefined) return { ...answer, leaderEpoch: UNDEFINED, endOffset: UNDEFINED };
  return { ...answer, leaderEpoch: end.epoch, endOffset: end.endOffset ?? logEnd };
}

function failed(partition: number, errorCode: number): PartitionAnswer {
  return { errorCode, partition, leaderEpoch: UNDEFINED, endOffset: UNDEFINED };
}
