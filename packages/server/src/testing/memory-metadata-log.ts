import { assert } from "../base/assert.ts";
import type { Clock } from "../io/clock.ts";
import { READ_BYTES_MAX } from "../metadata-log/limits.ts";
import type { AppendResult, LogBatch, LogEntry, MetadataLog, ReadResult, StoredSnapshot } from "../metadata-log/metadata-log.ts";
import { Watchers } from "../metadata-log/watchers.ts";
import { asyncOf } from "./async-of.ts";

/** What several writers share. */
export class SharedLog {
  firstIndex = 1;
  entries: LogEntry[] = [];
  snapshot: { index: number; bytes: Uint8Array } | undefined;

  get endIndex(): number {
    return this.firstIndex + this.entries.length;
  }
}

/**
 * A metadata log in memory, several of which may write to one `SharedLog`. Every call takes `delayMs()`, half before and
 * half after it takes effect, so that calls of different writers overlap.
 */
export class MemoryMetadataLog implements MetadataLog {
  readonly shared: SharedLog;
  readonly #clock: Clock;
  readonly #watchers: Watchers;
  readonly #delayMs: () => number;

  constructor(shared: SharedLog, clock: Clock, delayMs: () => number = () => 0) {
    this.shared = shared;
    this.#clock = clock;
    this.#watchers = new Watchers(clock);
    this.#delayMs = delayMs;
  }

  append(index: number, batch: LogBatch): Promise<AppendResult> {
    return this.#call((): AppendResult => {
      const { endIndex } = this.shared;
      if (index !== endIndex) return { kind: "conflict", endIndex };
      this.shared.entries.push({ index, ...batch });
      this.#watchers.reached(index);
      return { kind: "appended" };
    });
  }

  readFrom(index: number): Promise<ReadResult> {
    return this.#call((): ReadResult => {
      const { firstIndex, endIndex, entries, snapshot } = this.shared;
      if (index < firstIndex) return { kind: "trimmed", snapshotIndex: snapshot?.index ?? 0 };
      if (index >= endIndex) return { kind: "end", endIndex };
      const answer: LogEntry[] = [];
      let bytes = 0;
      for (const entry of entries.slice(index - firstIndex)) {
        bytes += entry.payload.byteLength;
        if (answer.length > 0 && bytes > READ_BYTES_MAX) break;
        answer.push(entry);
      }
      return { kind: "entries", entries: answer };
    });
  }

  watch(index: number, wake: () => void): () => void {
    return this.#watchers.add(index, wake, index < this.shared.endIndex);
  }

  async putSnapshot(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const piece of pieces) parts.push(piece.slice());
    await this.#call(() => {
      if (index > (this.shared.snapshot?.index ?? 0)) this.shared.snapshot = { index, bytes: Buffer.concat(parts) };
    });
  }

  latestSnapshot(): Promise<StoredSnapshot | undefined> {
    return this.#call(() => {
      const { snapshot } = this.shared;
      return snapshot === undefined
        ? undefined
        : {
            index: snapshot.index,
            bytes: snapshot.bytes.byteLength,
            pieces: asyncOf([snapshot.bytes]),
          };
    });
  }

  trimBelow(index: number): Promise<void> {
    return this.#call(() => {
      assert(index <= (this.shared.snapshot?.index ?? 0) + 1, `batches below ${index} are in no snapshot`);
      const { shared } = this;
      if (index <= shared.firstIndex) return;
      shared.entries = shared.entries.slice(index - shared.firstIndex);
      shared.firstIndex = index;
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #call<T>(act: () => T): Promise<T> {
    await this.#wait();
    const result = act();
    await this.#wait();
    return result;
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(this.#delayMs() / 2, resolve));
  }
}
