import { API } from "@tidemq/client/apis.ts";
import { COMPRESSIONS, type Compression } from "@tidemq/protocol/compression.ts";
import { errorInfo } from "@tidemq/protocol/error-codes.ts";
import { type DecodedRecord, decodeRecords } from "@tidemq/protocol/record.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { freshName } from "./target.ts";
import type { Wire } from "./wire.ts";

/** Newest versions that name topics instead of giving ids. */
const PRODUCE_VERSION = 12;
const FETCH_VERSION = 12;
const LED_MS_MAX = 3_000;
const RECORDS_BYTES_MAX = 64 * 1024 * 1024;

export const EARLIEST = -2;
export const LATEST = -1;
export const MAX_TIMESTAMP = -3;

type TopicOptions = Readonly<{
  partitions?: number;
  replicationFactor?: number;
  configs?: Readonly<Record<string, string>>;
  version?: number;
  validateOnly?: boolean;
}>;
type CreatedTopic = Readonly<{ error: string; message: string | null; topicId: string; partitions: number; replicationFactor: number }>;

/** Asks for one topic. Errors by name, as everywhere here. */
export async function createTopic(wire: Wire, name: string, options: TopicOptions = {}): Promise<CreatedTopic> {
  const { partitions = 1, replicationFactor = 1, configs = {}, version = 7, validateOnly = false } = options;
  const topic = {
    name,
    numPartitions: partitions,
    replicationFactor,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  };
  const answer = only((await wire.ask(API.createTopics, version, { topics: [topic], timeoutMs: 10_000, validateOnly })).topics);
  return {
    error: errorInfo(answer.errorCode).name,
    message: answer.errorMessage,
    topicId: answer.topicId,
    partitions: answer.numPartitions,
    replicationFactor: answer.replicationFactor,
  };
}

export type Topic = Readonly<{ name: string; topicId: string }>;

/** A topic of its own for a test. Kafka knows a new topic everywhere only some time after it said so: waits for that. */
export async function newTopic(wire: Wire, text: string, options: TopicOptions = {}): Promise<Topic> {
  const name = freshName(text);
  const created = await createTopic(wire, name, options);
  if (created.error !== "NONE") throw new Error(`cannot create ${name}: ${created.error} ${created.message ?? ""}`);
  await whenLed(wire, name, options.partitions ?? 1);
  return { name, topicId: created.topicId };
}

/** Waits until every partition answers. */
export async function whenLed(wire: Wire, name: string, partitions: number): Promise<void> {
  const giveUpAtMs = Date.now() + LED_MS_MAX;
  for (let partition = 0; partition < partitions; ) {
    const { error } = await offsetAt(wire, name, partition, LATEST);
    if (error === "NONE") partition += 1;
    else if (Date.now() > giveUpAtMs) throw new Error(`${name}[${partition}]: ${error} for ${LED_MS_MAX} ms`);
    else await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function deleteTopic(wire: Wire, name: string): Promise<string> {
  const answer = await wire.ask(API.deleteTopics, 5, { topicNames: [name], timeoutMs: 10_000 });
  return errorInfo(only(answer.responses).errorCode).name;
}

export type Produced = Readonly<{
  error: string;
  message: string | null;
  baseOffset: number;
  logAppendTimeMs: number;
  logStart: number;
}>;

type ProduceOptions = Readonly<{ version?: number; acks?: number; partition?: number }>;

/** Sends bytes as one partition's records. */
export async function produce(wire: Wire, topic: Topic, records: Uint8Array, options: ProduceOptions = {}): Promise<Produced> {
  const { version = PRODUCE_VERSION, acks = -1, partition = 0 } = options;
  const topicData = [{ name: topic.name, topicId: topic.topicId, partitionData: [{ index: partition, records }] }];
  const answer = await wire.ask(API.produce, version, { acks, timeoutMs: 10_000, topicData });
  const result = only(only(answer.responses).partitionResponses);
  return {
    error: errorInfo(result.errorCode).name,
    message: result.errorMessage,
    baseOffset: result.baseOffset,
    logAppendTimeMs: result.logAppendTimeMs,
    logStart: result.logStartOffset,
  };
}

type FetchOptions = Readonly<{
  version?: number;
  partition?: number;
  maxWaitMs?: number;
  minBytes?: number;
  maxBytes?: number;
  partitionMaxBytes?: number;
  isolationLevel?: number;
  currentLeaderEpoch?: number;
}>;

export type Fetched = Readonly<{ error: string; highWatermark: number; lastStable: number; logStart: number; records: Buffer }>;

export async function fetch(wire: Wire, topic: Topic, offset: number, options: FetchOptions = {}): Promise<Fetched> {
  const { version = FETCH_VERSION, partition = 0, maxWaitMs = 0, minBytes = 1, maxBytes = RECORDS_BYTES_MAX } = options;
  const { partitionMaxBytes = maxBytes, isolationLevel = 0, currentLeaderEpoch = -1 } = options;
  const partitions = [{ partition, currentLeaderEpoch, fetchOffset: offset, partitionMaxBytes }];
  const topics = [{ topic: topic.name, topicId: topic.topicId, partitions }];
  const answer = await wire.ask(API.fetch, version, { maxWaitMs, minBytes, maxBytes, isolationLevel, topics });
  if (answer.errorCode !== 0) throw new Error(`the whole fetch failed: ${errorInfo(answer.errorCode).name}`);
  const result = only(only(answer.responses).partitions);
  return {
    error: errorInfo(result.errorCode).name,
    highWatermark: result.highWatermark,
    lastStable: result.lastStableOffset,
    logStart: result.logStartOffset,
    records: Buffer.from(result.records ?? Buffer.alloc(0)),
  };
}

/** A batch as it lies in the log. */
export type StoredBatch = Readonly<{
  baseOffset: number;
  endOffset: number;
  compression: Compression;
  usesLogAppendTime: boolean;
  producerId: number;
  bytes: Buffer;
  records: readonly DecodedRecord[];
}>;

/** All batches of a partition, checksums checked, from the first offset to the mark. */
export async function storedBatches(wire: Wire, topic: Topic, partition = 0): Promise<StoredBatch[]> {
  const found: StoredBatch[] = [];
  let offset = (await offsetAt(wire, topic.name, partition, EARLIEST)).offset;
  for (;;) {
    const { error, highWatermark, records } = await fetch(wire, topic, offset, { partition });
    if (error !== "NONE") throw new Error(`${topic.name}[${partition}] at ${offset}: ${error}`);
    found.push(...batchesOf(records));
    const end = found.at(-1)?.endOffset ?? offset;
    if (end >= highWatermark) return found;
    if (records.length === 0) throw new Error(`${topic.name}[${partition}]: nothing at ${offset}, below the mark ${highWatermark}`);
    offset = end;
  }
}

/** The whole batches in the records of a fetch. @throws When one fails its checksum. */
export function batchesOf(records: Buffer): StoredBatch[] {
  const found: StoredBatch[] = [];
  for (let at = 0; ; ) {
    const size = batch.wholeBatchBytes(records, at, records.length);
    if (size === 0) return found;
    const bytes = records.subarray(at, at + size);
    if (!batch.isBatchCrcRight(bytes, 0)) throw new Error(`the batch at offset ${batch.baseOffset(bytes, 0)} fails its checksum`);
    found.push({
      baseOffset: batch.baseOffset(bytes, 0),
      endOffset: batch.endOffset(bytes, 0),
      compression: COMPRESSIONS[batch.codecId(bytes, 0)] as Compression,
      usesLogAppendTime: batch.usesLogAppendTime(bytes, 0),
      producerId: batch.producerId(bytes, 0),
      bytes,
      records: decodeRecords(bytes, 0, RECORDS_BYTES_MAX),
    });
    at += size;
  }
}

/** All records of a partition, offsets dense from the first. */
export async function storedRecords(wire: Wire, topic: Topic, partition = 0): Promise<DecodedRecord[]> {
  const records = (await storedBatches(wire, topic, partition)).flatMap((one) => one.records);
  records.forEach((record, index) => {
    const expected = (records[0]?.offset ?? 0) + index;
    if (record.offset !== expected) throw new Error(`${topic.name}[${partition}]: offset ${record.offset} in place of ${expected}`);
  });
  return records;
}

export type FoundOffset = Readonly<{ error: string; offset: number; timestamp: number; leaderEpoch: number }>;

/** ListOffsets of one partition: a time in ms, or one of the constants above. */
export async function offsetAt(wire: Wire, topic: string, partition: number, timestamp: number, version = 11): Promise<FoundOffset> {
  const topics = [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }];
  const answer = await wire.ask(API.listOffsets, version, { replicaId: -1, isolationLevel: 0, topics, timeoutMs: 10_000 });
  const result = only(only(answer.topics).partitions);
  return {
    error: errorInfo(result.errorCode).name,
    offset: result.offset,
    timestamp: result.timestamp,
    leaderEpoch: result.leaderEpoch,
  };
}

/** The only element. */
export function only<T>(list: readonly T[]): T {
  if (list.length !== 1) throw new Error(`one answer expected, not ${list.length}`);
  return list[0] as T;
}
