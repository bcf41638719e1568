import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { RecordCursor, recordSection } from "@tidemq/protocol/record.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import type { RemoteReader } from "../tier/remote-reader.ts";
import { LOOKUP_BYTES_MAX } from "./limits.ts";
import type { Partition } from "./partition.ts";

/** One record: its offset, its timestamp (ms since 1970), the leader epoch of its batch. */
export type FoundRecord = Readonly<{ offset: number; timestampMs: number; leaderEpoch: number }>;

/** Finds offsets by time: headers first, then the records of the one batch that counts. */
export class OffsetLookup {
  readonly #remote: RemoteReader;
  readonly #cursor = new RecordCursor();

  constructor(remote: RemoteReader) {
    this.#remote = remote;
  }

  /** The first readable record whose timestamp is at or above this one. Undefined: there is none. */
  async firstAt(partition: Partition, timestampMs: number): Promise<FoundRecord | undefined> {
    if (partition.live.maxTimestampMs < timestampMs) return undefined;
    const fits = (recordMs: number): boolean => recordMs >= timestampMs;
    // More than one round only when the record that fits lies in front of the start of the log, in the same batch.
    for (let from = partition.logStart; from < partition.highWatermark; ) {
      const found = await this.#firstBatch(partition, timestampMs, from);
      if (found === undefined) return undefined;
      const record = this.#search(found, partition.logStart, fits);
      if (record !== undefined) return record;
      from = batch.endOffset(found, 0);
    }
    return undefined;
  }

  /** The record with the largest timestamp; the first one of them. Undefined in an empty log. */
  async largest(partition: Partition): Promise<FoundRecord | undefined> {
    const { maxTimestampMs, maxTimestampOffset } = partition.live;
    if (maxTimestampOffset < partition.logStart || maxTimestampOffset >= partition.highWatermark) return undefined;
    const bytes = await batchAt(partition, maxTimestampOffset);
    return bytes === undefined ? undefined : this.#search(bytes, partition.logStart, (recordMs) => recordMs >= maxTimestampMs);
  }

  /** The first batch that reaches beyond `from` and whose largest timestamp is late enough. */
  async #firstBatch(partition: Partition, timestampMs: number, from: number): Promise<Uint8Array | undefined> {
    const { uploadedEnd } = partition;
    const remote =
      from < uploadedEnd ? await this.#remote.batchAtTimestamp(partition.identity.id, timestampMs, from, uploadedEnd) : undefined;
    if (remote !== undefined) return remote;
    let found: number | undefined;
    await partition.wal.scanHeaders(Math.max(from, uploadedEnd), partition.highWatermark, (header) => {
      if (batch.maxTimestamp(header, 0) < timestampMs) return true;
      found = batch.baseOffset(header, 0);
      return false;
    });
    return found === undefined ? undefined : batchAt(partition, Math.max(found, partition.logStart));
  }

  #search(bytes: Uint8Array, logStart: number, fits: (recordMs: number) => boolean): FoundRecord | undefined {
    const base = batch.baseOffset(bytes, 0);
    const leaderEpoch = batch.leaderEpoch(bytes, 0);
    const first = Math.max(base, logStart);
    if (batch.usesLogAppendTime(bytes, 0)) return { offset: first, timestampMs: batch.maxTimestamp(bytes, 0), leaderEpoch };
    try {
      this.#cursor.reset(recordSection(bytes, 0, LOOKUP_BYTES_MAX), batch.recordCount(bytes, 0));
      while (this.#cursor.next()) {
        const timestampMs = batch.baseTimestamp(bytes, 0) + this.#cursor.timestampDelta;
        const offset = base + this.#cursor.offsetDelta;
        if (offset >= logStart && fits(timestampMs)) return { offset, timestampMs, leaderEpoch };
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // The records were never looked at when they were produced: the batch itself is the best answer there is.
      return { offset: first, timestampMs: batch.maxTimestamp(bytes, 0), leaderEpoch };
    }
  }
}

/** A copy of the batch that holds `offset`. */
async function batchAt(partition: Partition, offset: number): Promise<Uint8Array | undefined> {
  const slices = await partition.read(offset, 1, true);
  try {
    return slices.pieces.length === 0 ? undefined : Buffer.concat(slices.pieces);
  } finally {
    slices.hold?.release();
  }
}
