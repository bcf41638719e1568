import { API } from "@tidemq/client/apis.ts";
import type { Client } from "@tidemq/client/client.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { decodeRecords } from "@tidemq/protocol/record.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import { idOfPayload, type RecordId } from "@tidemq/server/testing/checkers/payload.ts";
import type { StoredLog } from "@tidemq/server/testing/checkers/stored-log.ts";
import { leaderOf, mayMove } from "./cluster-clients.ts";
import type { Target } from "./target.ts";

const FAILURES_MAX = 100;
const FETCH_BYTES = 512 * 1024;
const DECOMPRESSED_BYTES_MAX = 16 * 1024 * 1024;
/** Newest version of Fetch that names topics. */
const VERSION_WITH_NAMES = 12;

type Answer = Readonly<{ errorCode: number; highWatermark: number; logStartOffset: number; records: Uint8Array | null }>;
type Reading = {
  readonly key: string;
  readonly lossAccepted: boolean;
  readonly ids: (RecordId | undefined)[];
  readonly holes: { from: number; to: number }[];
  at: number;
};

/**
 * Reads one partition from its start to its mark, request by request, and looks at every byte of it.
 *
 * @param from Where to begin instead.
 * @param lossAccepted Somebody gave up what is damaged: readers pass over it, and nothing is answered as damaged any more.
 * @throws {CheckFailure} ClientError
 */
export async function readStoredLog(client: Client, target: Target, lossAccepted = false, from?: number): Promise<StoredLog> {
  const partition = partitionKey(target.topic, target.partition);
  const [earliest, latest] = await client.admin.listOffsets([
    { ...target, at: "earliest" },
    { ...target, at: "latest" },
  ]);
  const [first, end] = [from ?? earliest?.offset ?? -1, latest?.offset ?? -1];
  check(first >= 0 && end >= first, "reads", `${partition}: offsets [${first}, ${end})`);
  const reading: Reading = { key: partition, lossAccepted, ids: [], holes: [], at: first };
  let failures = 0;
  while (reading.at < end) {
    const answer = await fetch(client, target, reading.at);
    if (answer.errorCode === ErrorCode.CORRUPT_MESSAGE) {
      check(!lossAccepted, "damage", () => `${partition}@${reading.at}: still answered as damaged`);
      addToHoles(reading.holes, reading.at, reading.at + 1);
      reading.at += 1;
      continue;
    }
    if (answer.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER && failures < FAILURES_MAX && mayMove(client)) {
      failures += 1;
      continue;
    }
    check(
      answer.errorCode === ErrorCode.NONE,
      "reads",
      () => `${partition}@${reading.at}: error ${answer.errorCode} though nothing fails any more`,
    );
    check(answer.highWatermark >= end, "marks", () => `${partition}: mark ${answer.highWatermark} below the end ${end}`);
    const before = reading.at;
    if (answer.records !== null) readBatches(reading, answer.records);
    failures = reading.at > before ? 0 : failures + 1;
    check(failures < FAILURES_MAX, "reads", () => `${partition}@${reading.at}: nothing to read below the end ${end}`);
  }
  return { partition, first, end, ids: reading.ids, holes: reading.holes };
}

/** One request for one partition, to that broker, or to its leader. */
export async function fetch(
  client: Client,
  { topic, partition }: Target,
  fetchOffset: number,
  maxWaitMs = 100,
  broker?: number,
): Promise<Answer> {
  const response = await client.admin.request(
    API.fetch,
    VERSION_WITH_NAMES,
    {
      maxWaitMs,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: FETCH_BYTES }] }],
      forgottenTopicsData: [],
    },
    broker ?? (await leaderOf(client, { topic, partition })),
  );
  check(response.errorCode === ErrorCode.NONE, "reads", `fetch: error ${response.errorCode}`);
  const answer = response.responses[0]?.partitions[0];
  if (answer?.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER) client.cluster.markStale();
  check(answer !== undefined, "reads", `${topic}-${partition}: not in the answer`);
  return answer;
}

function readBatches(reading: Reading, bytes: Uint8Array): void {
  const { key } = reading;
  for (let position = 0; position < bytes.byteLength; ) {
    const length = batch.wholeBatchBytes(bytes, position, bytes.byteLength);
    check(length > 0, "reads", () => `${key}@${reading.at}: half a batch in an answer`);
    const one = bytes.subarray(position, position + length);
    check(batch.isBatchCrcRight(one, 0), "reads", () => `${key}@${reading.at}: wrong checksum`);
    const [base, end] = [batch.baseOffset(one, 0), batch.endOffset(one, 0)];
    if (reading.lossAccepted && base > reading.at) {
      addToHoles(reading.holes, reading.at, base);
      reading.at = base;
    }
    check(base <= reading.at && end > reading.at, "dense-offsets", () => `${key}: asked for ${reading.at}, got [${base}, ${end})`);
    for (const record of decodeRecords(one, 0, DECOMPRESSED_BYTES_MAX)) {
      if (record.offset < reading.at) continue;
      const id = idOfPayload(record.value);
      check(id !== undefined, "reads", () => `${key}@${record.offset}: a value that nobody sent`);
      reading.ids[record.offset] = id;
    }
    reading.at = end;
    position += length;
  }
}

function addToHoles(holes: { from: number; to: number }[], from: number, to: number): void {
  const last = holes.at(-1);
  if (last?.to === from) last.to = to;
  else holes.push({ from, to });
}
