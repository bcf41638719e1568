import { crc32c } from "@tidemq/protocol/crc32c.ts";
import type { FoldDigest } from "../replication/logs.ts";
import { isWhole } from "./followed-records.ts";
import { HeaderFold } from "./header-fold.ts";
import { encodeHeaderFold } from "./header-fold-codec.ts";
import { PRODUCERS_MIN } from "./limits.ts";

/**
 * What can be compared of a base with that of another replica at the same offset; undefined when a part of it is not known. Producers count
 * where no broker's own limit can have made it forget one.
 */
export function digestOf(base: HeaderFold, logStart: number): FoldDigest | undefined {
  if (base.incomplete || base.nextOffset === 0 || !base.isKnownFrom(logStart)) return undefined;
  const headers = new HeaderFold(base.nextOffset);
  headers.lastAppendTimeMs = base.lastAppendTimeMs;
  headers.maxTimestampMs = base.maxTimestampMs;
  headers.maxTimestampOffset = base.maxTimestampOffset;
  headers.epochs.push(...base.epochs);
  headers.epochStarts.push(...base.epochStarts);
  headers.setLogStart(logStart);
  if (base.producers.size < PRODUCERS_MIN) for (const [id, producer] of base.producers) headers.producers.set(id, producer);
  const records = base.records !== undefined && isWhole(base) ? crc32c(base.records) : undefined;
  return { offset: base.nextOffset, logStart, headers: crc32c(encodeHeaderFold(headers)), records };
}

/** Whether two folds at the same offset can be of the same batches. What one of them does not say is not compared. */
export function areEqual(a: FoldDigest, b: FoldDigest): boolean {
  return a.headers === b.headers && (a.records === undefined || b.records === undefined || a.records === b.records);
}
