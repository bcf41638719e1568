import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { encodeRequestFrame } from "@tidemq/protocol/headers.ts";
import { produceRequest } from "@tidemq/protocol/messages/00-produce.ts";
import { fetchRequest } from "@tidemq/protocol/messages/01-fetch.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";

/** Versions without compact lengths, so that errors and records stand at places that can be computed. Kafka 4.3 serves both. */
const PRODUCE_VERSION = 7;
const FETCH_VERSION = 11;
const CLIENT_ID = "bench";

/** A produce request of one batch, ready to be sent any number of times. */
export function produceFrame(topic: string, partition: number, records: number, recordBytes: number, acks: number): Uint8Array {
  const value = Buffer.alloc(recordBytes, "tide");
  const timestampMs = Date.now();
  const batch = buildBatch(Array.from({ length: records }, () => ({ timestampMs, value })));
  const writer = new ByteWriter(batch.byteLength + 1024);
  const topicData = [{ name: topic, partitionData: [{ index: partition, records: batch }] }];
  encodeRequestFrame(produceRequest, PRODUCE_VERSION, 0, CLIENT_ID, { acks, timeoutMs: 30_000, topicData }, writer);
  return Buffer.from(writer.finish());
}

/** Error code of the one partition in an answer to `produceFrame`; -1 tells nothing of what was appended. */
export function produceError(answer: Buffer): number {
  const topicBytes = answer.readInt16BE(8);
  return answer.readInt16BE(10 + topicBytes + 8);
}

/** A fetch request of one partition; `setFetchOffset` moves it along. */
export function fetchFrame(topic: string, partition: number, bytesMax: number, waitMs: number): Buffer {
  const writer = new ByteWriter(1024);
  const partitions = [{ partition, fetchOffset: 0, partitionMaxBytes: bytesMax }];
  const body = { maxWaitMs: waitMs, minBytes: 1, maxBytes: bytesMax, sessionEpoch: -1, topics: [{ topic, partitions }] };
  encodeRequestFrame(fetchRequest, FETCH_VERSION, 0, CLIENT_ID, body, writer);
  return Buffer.from(writer.finish());
}

/**
 * Position of the fetch offset in a frame of `fetchFrame`: behind size 4, header 8 + 2 + client id, replica 4, wait 4, minimum 4,
 * maximum 4, isolation 1, session 8, topic count 4, topic 2 + name, partition count 4, partition 4, epoch 4.
 */
export function fetchOffsetAt(topic: string): number {
  return 4 + 8 + 2 + CLIENT_ID.length + 4 + 4 + 4 + 4 + 1 + 8 + 4 + 2 + topic.length + 4 + 4 + 4;
}

/** The records of the one partition in an answer to `fetchFrame`, a view of it. Throws on an error code. */
export function fetchedRecords(answer: Buffer): Buffer {
  const error = answer.readInt16BE(8);
  if (error !== 0) throw new Error(`fetch failed with ${error}`);
  let at = 4 + 4 + 2 + 4 + 4;
  at += 2 + answer.readInt16BE(at) + 4 + 4;
  const partitionError = answer.readInt16BE(at);
  if (partitionError !== 0) throw new Error(`fetch of the partition failed with ${partitionError}`);
  at += 2 + 8 + 8 + 8;
  const aborted = answer.readInt32BE(at);
  at += 4 + Math.max(0, aborted) * 16 + 4;
  const bytes = Math.max(0, answer.readInt32BE(at));
  return answer.subarray(at + 4, at + 4 + bytes);
}

/** The offset behind the last whole batch, or -1 when there is none. */
export function endOfRecords(records: Buffer): number {
  let end = -1;
  for (let at = 0; at + 61 <= records.length; ) {
    const bytes = 12 + records.readInt32BE(at + 8);
    if (at + bytes > records.length) break;
    end = Number(records.readBigInt64BE(at)) + records.readInt32BE(at + 23) + 1;
    at += bytes;
  }
  return end;
}
