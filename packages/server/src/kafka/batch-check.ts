import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import type { TopicSettings } from "../config/topic-options.ts";

const ZSTD = 4;
const ZSTD_SINCE = 7;

/**
 * Everything that can refuse a produced batch before it gets an offset, in Kafka's order: its form, its size, its
 * checksum, its timestamps. A topic with append time rewrites the batch in place.
 *
 * @returns Kafka's error code, 0 = accepted.
 */
export function checkBatch(bytes: Uint8Array, start: number, end: number, version: number, settings: TopicSettings, nowMs: number): number {
  const code = batch.checkProducedBatch(bytes, start, end);
  if (code !== ErrorCode.NONE) return code;
  if (version < ZSTD_SINCE && batch.codecId(bytes, start) === ZSTD) return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
  if (batch.isTransactional(bytes, start)) return ErrorCode.UNSUPPORTED_VERSION;
  if (end - start > settings.messageBytesMax) return ErrorCode.MESSAGE_TOO_LARGE;
  if (!batch.isBatchCrcRight(bytes, start)) return ErrorCode.CORRUPT_MESSAGE;
  if (settings.timestampType === "LogAppendTime") {
    batch.setLogAppendTime(bytes, start, nowMs);
    return ErrorCode.NONE;
  }
  // As in Kafka, a topic with the producer's times takes the flag back and keeps the times.
  if (batch.usesLogAppendTime(bytes, start)) batch.clearLogAppendTime(bytes, start);
  return isTimely(bytes, start, settings, nowMs) ? ErrorCode.NONE : ErrorCode.INVALID_TIMESTAMP;
}

/** The first record's timestamp and the largest one stand for all: records are not looked at one by one. */
function isTimely(bytes: Uint8Array, start: number, settings: TopicSettings, nowMs: number): boolean {
  const { timestampBeforeMsMax, timestampAfterMsMax } = settings;
  if (timestampBeforeMsMax === Number.POSITIVE_INFINITY && timestampAfterMsMax === Number.POSITIVE_INFINITY) return true;
  const firstMs = batch.baseTimestamp(bytes, start);
  const largestMs = batch.maxTimestamp(bytes, start);
  if (Math.max(firstMs, largestMs) - nowMs > timestampAfterMsMax) return false;
  return firstMs === batch.NONE || nowMs - firstMs <= timestampBeforeMsMax;
}

/** What a refused batch is answered with beside its code, in ASCII; null where the code says it all. */
export function batchMessage(code: number): string | null {
  switch (code) {
    case ErrorCode.INVALID_RECORD:
      return "The request must have exactly one well-formed record batch per partition.";
    case ErrorCode.UNSUPPORTED_VERSION:
      return "Transactions are not implemented.";
    case ErrorCode.INVALID_TIMESTAMP:
      return "A timestamp is outside what the topic allows (message.timestamp.before.max.ms, message.timestamp.after.max.ms).";
    case ErrorCode.NOT_ENOUGH_REPLICAS:
      return "The broker has no room at the moment; nothing was written. Try again.";
    default:
      return null;
  }
}
