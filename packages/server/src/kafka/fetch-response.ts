import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { encodeResponseFrame } from "@tidemq/protocol/headers.ts";
import { fetchResponse } from "@tidemq/protocol/messages/01-fetch.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { ClientConnection } from "../client-net/client-connection.ts";
import { RESPONSE_COPY_BYTES_MAX } from "../client-net/limits.ts";
import type { Hold } from "../model/record-slices.ts";
import type { BorrowedRecords } from "./borrowed-records.ts";
import type { BrokerEndpoint } from "./broker-endpoints.ts";
import type { FetchPosition } from "./fetch-position.ts";

/** What one partition answers. */
export type FetchPart = {
  readonly position: FetchPosition;
  errorCode: number;
  readonly highWatermark: number;
  readonly lastStable: number;
  readonly logStart: number;
  /** Whom to ask instead. */
  readonly leader: Readonly<{ id: number; epoch: number }> | undefined;
  /** The follower that is nearer. */
  readonly nearest: number | undefined;
  readonly diverging: Readonly<{ epoch: number; endOffset: number }> | undefined;
  records: BorrowedRecords | undefined;
};

export type FetchAnswer = Readonly<{
  errorCode: number;
  sessionId: number;
  /** The client skips aborted transactions and wants their list, which is empty. */
  isReadCommitted: boolean;
  parts: readonly FetchPart[];
  /** Where the leaders are that `parts` name. */
  endpoints: readonly BrokerEndpoint[];
}>;

const NO_PIECES: readonly Uint8Array[] = [];
const NOBODY = -1;
const TAGGED_SINCE = 12;
const ENDPOINTS_SINCE = 16;
/** Room for the fields of one partition, so that a large answer's writer seldom grows. */
const PART_BYTES = 96;

/** So many partitions, each of a topic with the longest name, and half of what is copied in records: still a small answer. */
const SMALL_PARTS_MAX = 64;

/** Small answers are encoded here, then copied into the connection. */
const smallWriter = new ByteWriter(4096);

type Topic = MessageInput<typeof fetchResponse>["responses"][number];
type Part = Topic["partitions"][number];

/** Sends the fields and, between them, the records where they lie. The connection gives their memory back. */
export function sendFetchAnswer(connection: ClientConnection, version: number, correlationId: number, answer: FetchAnswer): void {
  let recordBytes = 0;
  const holds: Hold[] = [];
  for (const { records } of answer.parts) {
    if (records === undefined) continue;
    recordBytes += records.bytes;
    if (records.isHeld) holds.push(records);
  }
  const isSmall = recordBytes < RESPONSE_COPY_BYTES_MAX / 2 && answer.parts.length <= SMALL_PARTS_MAX;
  const writer = isSmall ? smallWriter : new ByteWriter(256 + answer.parts.length * PART_BYTES);
  writer.reset();
  const { errorCode, sessionId, endpoints } = answer;
  const nodeEndpoints = version < ENDPOINTS_SINCE ? [] : endpoints.map(({ id, host, port, rack }) => ({ nodeId: id, host, port, rack }));
  encodeResponseFrame(
    fetchResponse,
    version,
    correlationId,
    { throttleTimeMs: 0, errorCode, sessionId, responses: topicsOf(answer, version), nodeEndpoints },
    writer,
  );
  connection.respond(writer.pieces(), holds);
}

/** Neighbouring partitions of one topic share its entry. */
function topicsOf({ parts, isReadCommitted }: FetchAnswer, version: number): Topic[] {
  const topics: Topic[] = [];
  let partitions: Part[] = [];
  let last: FetchPosition | undefined;
  for (const part of parts) {
    const { topic, topicId } = part.position;
    if (last === undefined || last.topic !== topic || last.topicId !== topicId) {
      partitions = [];
      topics.push(topicId === "" ? { topic, partitions } : { topicId, partitions });
      last = part.position;
    }
    partitions.push(partitionOf(part, version, isReadCommitted));
  }
  return topics;
}

function partitionOf(part: FetchPart, version: number, isReadCommitted: boolean): Part {
  const records = part.records?.pieces ?? NO_PIECES;
  const fields = {
    partitionIndex: part.position.index,
    errorCode: part.errorCode,
    highWatermark: part.highWatermark,
    lastStableOffset: part.lastStable,
    logStartOffset: part.logStart,
    preferredReadReplica: part.nearest ?? NOBODY,
    abortedTransactions: isReadCommitted && part.errorCode === 0 ? [] : null,
    records,
  };
  if (version < TAGGED_SINCE || (part.leader === undefined && part.diverging === undefined)) return fields;
  const currentLeader = part.leader === undefined ? undefined : { leaderId: part.leader.id, leaderEpoch: part.leader.epoch };
  return { ...fields, currentLeader, divergingEpoch: part.diverging };
}
