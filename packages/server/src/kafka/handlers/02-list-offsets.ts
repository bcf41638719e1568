import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type ListOffsetsRequest, listOffsetsRequest, listOffsetsResponse } from "@tidemq/protocol/messages/02-list-offsets.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { FoundRecord } from "../../partition/offset-lookup.ts";
import type { Partition } from "../../partition/partition.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { findPartition } from "../partition-access.ts";

/*
 * Behaviour
 * - −2 the start of the log · −1 its readable end · a timestamp: the first record at or above it · −3 the record with the
 *   largest timestamp · −4 the first offset that is here and not only in object storage · −5 the last one that is in
 *   object storage · −6 the first one that waits to be stored there. Offset and timestamp −1 when no record fits.
 * - Both isolation levels are the same: no transactions exist.
 * - A new leader that does not know yet how far the partition is committed says OFFSET_NOT_AVAILABLE where that matters.
 * - The same partition twice in a request is INVALID_REQUEST both times, as in Kafka.
 *
 * Version notes
 * - v2 isolation · v4 leader epoch, of the client and of the offset · v5 OFFSET_NOT_AVAILABLE, before that
 *   LEADER_NOT_AVAILABLE · v6 flexible · v7 −3 · v8 −4 · v9 −5 · v10 timeout
 *   · v11 −6. A kind of question that the version does not have is UNSUPPORTED_VERSION.
 */

type Response = MessageInput<typeof listOffsetsResponse>;
type PartitionAnswer = Response["topics"][number]["partitions"][number];
type Asked = ListOffsetsRequest["topics"][number]["partitions"][number];

const LATEST = -1;
const EARLIEST = -2;
const LARGEST_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;
const NONE = -1;

/** Kinds of question that older versions do not have. */
const KIND_SINCE: Readonly<Record<number, number>> = {
  [LARGEST_TIMESTAMP]: 7,
  [EARLIEST_LOCAL]: 8,
  [LATEST_TIERED]: 9,
  [EARLIEST_PENDING_UPLOAD]: 11,
};

/** Lookups by time of one request that run beside each other. */
const LOOKUPS_MAX = 8;

export function listOffsetsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: listOffsetsRequest,
    response: listOffsetsResponse,
    handle(request, call) {
      const lookups: (() => Promise<void>)[] = [];
      const answers = answerAll(parts, request, call.version, lookups);
      if (lookups.length === 0) return answers;
      return runAll(lookups).then(() => answers);
    },
    refuse: (request, code) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => failed(partitionIndex, code)),
      })),
    }),
  });
}

/** Answers carry the leader epoch of the offset. */
const LEADER_EPOCH_SINCE = 4;
const OFFSET_NOT_AVAILABLE_SINCE = 5;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Answers in place; what has to be read is filled in by `lookups`. */
function answerAll(parts: KafkaParts, request: ListOffsetsRequest, version: number, lookups: (() => Promise<void>)[]): Response {
  const topics = request.topics.map(({ name, partitions }) => {
    const indexes = new Set<number>();
    const twice = new Set<number>();
    for (const { partitionIndex } of partitions) (indexes.has(partitionIndex) ? twice : indexes).add(partitionIndex);
    return {
      name,
      partitions: partitions.map((asked): PartitionAnswer => {
        if (twice.has(asked.partitionIndex)) return failed(asked.partitionIndex, ErrorCode.INVALID_REQUEST);
        return answerOne(parts, name, asked, version, lookups);
      }),
    };
  });
  return { topics };
}

function answerOne(parts: KafkaParts, topic: string, asked: Asked, version: number, lookups: (() => Promise<void>)[]): PartitionAnswer {
  const { partitionIndex, currentLeaderEpoch, timestamp } = asked;
  const found = findPartition(parts, topic, partitionIndex, currentLeaderEpoch);
  if (typeof found === "number") return failed(partitionIndex, found);
  if (timestamp < 0 && timestamp !== LATEST && timestamp !== EARLIEST && version < (KIND_SINCE[timestamp] ?? Number.POSITIVE_INFINITY)) {
    return failed(partitionIndex, ErrorCode.UNSUPPORTED_VERSION);
  }
  if (!found.isEndKnown && !NEEDS_NO_END.has(timestamp)) return failed(partitionIndex, endUnknown(version));
  const offset = offsetAt(found, timestamp);
  const hasEpoch = version >= LEADER_EPOCH_SINCE;
  if (offset !== undefined) return position(partitionIndex, offset, hasEpoch && offset !== NONE ? epochAt(found, offset) : NONE);
  const answer: Mutable<PartitionAnswer> = position(partitionIndex, NONE, NONE);
  lookups.push(() => lookUp(parts, found, timestamp, hasEpoch, answer));
  return answer;
}

/** Where a partition begins, and what of it lies where, does not depend on how far it is committed. */
const NEEDS_NO_END: ReadonlySet<number> = new Set([EARLIEST, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD]);

/** Clients of both kinds ask again. */
function endUnknown(version: number): number {
  return version >= OFFSET_NOT_AVAILABLE_SINCE ? ErrorCode.OFFSET_NOT_AVAILABLE : ErrorCode.LEADER_NOT_AVAILABLE;
}

/** Undefined: a record has to be found. */
function offsetAt(partition: Partition, timestamp: number): number | undefined {
  switch (timestamp) {
    case LATEST:
      return partition.highWatermark;
    case EARLIEST:
      return partition.logStart;
    case EARLIEST_LOCAL:
      return Math.max(partition.logStart, Math.min(partition.wal.firstOffset, partition.highWatermark));
    case LATEST_TIERED:
      return partition.uploadedEnd > partition.logStart ? partition.uploadedEnd - 1 : NONE;
    case EARLIEST_PENDING_UPLOAD:
      return partition.uploadedEnd;
    default:
      return undefined;
  }
}

/** The epoch of the record there; at the end of the log, of what would come. */
function epochAt(partition: Partition, offset: number): number {
  return offset >= partition.logEnd ? partition.leaderEpoch : partition.live.epochAt(offset);
}

async function lookUp(
  parts: KafkaParts,
  partition: Partition,
  timestamp: number,
  hasEpoch: boolean,
  answer: Mutable<PartitionAnswer>,
): Promise<void> {
  try {
    const record = await find(parts, partition, timestamp);
    if (record === undefined) return;
    answer.offset = record.offset;
    answer.timestamp = record.timestampMs;
    if (hasEpoch) answer.leaderEpoch = record.leaderEpoch;
  } catch (thrown) {
    [answer.errorCode] = failureOf(parts, thrown, "ListOffsets");
  }
}

function find(parts: KafkaParts, partition: Partition, timestamp: number): Promise<FoundRecord | undefined> {
  return timestamp === LARGEST_TIMESTAMP ? parts.offsets.largest(partition) : parts.offsets.firstAt(partition, timestamp);
}

async function runAll(lookups: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = lookups.values();
  const worker = async (): Promise<void> => {
    for (const lookUpNext of queue) await lookUpNext();
  };
  await Promise.all(Array.from({ length: Math.min(LOOKUPS_MAX, lookups.length) }, worker));
}

function position(partitionIndex: number, offset: number, leaderEpoch: number): PartitionAnswer {
  return { partitionIndex, errorCode: ErrorCode.NONE, timestamp: NONE, offset, leaderEpoch };
}

function failed(partitionIndex: number, errorCode: number): PartitionAnswer {
  return { partitionIndex, errorCode, timestamp: NONE, offset: NONE };
}
