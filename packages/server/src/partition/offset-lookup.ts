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
    // More than one round only when the record that fits lies in front of the start of the log, in the same batch.
    for (let from = partition.logStart; from < partition.highWatermark; ) {
      const offset = await this.#firstBatch(partition, timestampMs, from);
      if (offset === undefined) return undefined;
      const { record, nextOffset } = await this.#inBatch(partition, offset, (recordMs) => recordMs >= timestampMs);
      if (record !== undefined || nextOffset <= from) return record;
      from = nextOffset;
    }
    return undefined;
  }

  /** The record with the largest timestamp; the first one of them. Undefined in an empty log. */
  async largest(partition: Partition): Promise<FoundRecord | undefined> {
    const { maxTimestampMs, maxTimestampOffset } = partition.live;
    if (maxTimestampOffset < partition.logStart || maxTimestampOffset >= partition.highWatermark) return undefined;
    return (await this.#inBatch(partition, maxTimestampOffset, (recordMs) => recordMs >= maxTimestampMs)).record;
  }

  /** An offset in the first batch at or above `from` whose largest timestamp is late enough. */
  async #firstBatch(partition: Partition, timestampMs: number, from: number): Promise<number | undefined> {
    const remote = from < partition.uploadedEnd ? await this.#remote.batchAtTimestamp(partition.identity.id, timestampMs, from) : undefined;
    if (remote !== undefined) return remote;
    const localFrom = Math.max(from, partition.uploadedEnd);
    let found: number | undefined;
    await partition.wal.scanHeaders(localFrom, partition.highWatermark, (header) => {
      if (batch.maxTimestamp(header, 0) < timestampMs) return true;
      found = Math.max(localFrom, batch.baseOffset(header, 0));
      return false;
    });
    return found;
  }

  async #inBatch(
    partition: Partition,
    offset: number,
    fits: (recordMs: number) => boolean,
  ): Promise<Readonly<{ record: FoundRecord | undefined; nextOffset: number }>> {
    const slices = await partition.read(offset, 1, true);
    try {
      const [only] = slices.pieces;
      if (only === undefined) return { record: undefined, nextOffset: offset };
      const bytes = slices.pieces.length === 1 ? only : Buffer.concat(slices.pieces);
      return { record: this.#search(bytes, partition.logStart, fits), nextOffset: slices.nextOffset };
    } finally {
      slices.hold?.release();
    }
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
