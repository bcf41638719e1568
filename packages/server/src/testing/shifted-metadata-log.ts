import type { AppendResult, LogBatch, LogEntry, MetadataLog, ReadResult, StoredSnapshot } from "../metadata-log/metadata-log.ts";

/** A log that begins behind a snapshot of index `base`, as one whose first batch is 1: so it answers to the same contract. */
export class ShiftedMetadataLog implements MetadataLog {
  readonly #log: MetadataLog;
  readonly #base: number;

  constructor(log: MetadataLog, base: number) {
    this.#log = log;
    this.#base = base;
  }

  async append(index: number, batch: LogBatch): Promise<AppendResult> {
    const result = await this.#log.append(index + this.#base, batch);
    return result.kind === "conflict" ? { ...result, endIndex: result.endIndex - this.#base } : result;
  }

  async readFrom(index: number): Promise<ReadResult> {
    const read = await this.#log.readFrom(index + this.#base);
    if (read.kind === "end") return { ...read, endIndex: read.endIndex - this.#base };
    if (read.kind === "trimmed") return { ...read, snapshotIndex: read.snapshotIndex - this.#base };
    return { ...read, entries: read.entries.map((entry): LogEntry => ({ ...entry, index: entry.index - this.#base })) };
  }

  watch(index: number, wake: () => void): () => void {
    return this.#log.watch(index + this.#base, wake);
  }

  putSnapshot(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#log.putSnapshot(index + this.#base, pieces);
  }

  async latestSnapshot(): Promise<StoredSnapshot | undefined> {
    const snapshot = await this.#log.latestSnapshot();
    if (snapshot === undefined || snapshot.index === this.#base) return undefined;
    return { ...snapshot, index: snapshot.index - this.#base };
  }

  trimBelow(index: number): Promise<void> {
    return this.#log.trimBelow(index + this.#base);
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
