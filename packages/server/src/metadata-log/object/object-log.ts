import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import type { Clock, Timer } from "../../io/clock.ts";
import { type ObjectStore, ObjectStoreError } from "../../io/object-store.ts";
import type { Random } from "../../io/random.ts";
import type { LogBase } from "../../model/cluster-key.ts";
import type { Log } from "../../telemetry/log.ts";
import { READ_AHEAD_MAX, READ_BYTES_MAX, WATCH_POLL_MS } from "../limits.ts";
import type { AppendResult, LogBatch, LogEntry, MetadataLog, ReadResult, StoredSnapshot } from "../metadata-log.ts";
import { MetadataMovedError, type Moved } from "../moved.ts";
import { Watchers } from "../watchers.ts";
import { damagedObject, readChecked } from "./checked-read.ts";
import { readClusterKey } from "./cluster-key.ts";
import {
  decodeEntryHeader,
  ENTRY_BYTES_MIN,
  ENTRY_HEADER_BYTES,
  type EntryHeader,
  encodeEntry,
  entryBytes,
  isNewerEntry,
} from "./entry-codec.ts";
import { MetadataKeys } from "./keys.ts";
import { PatientStore } from "./patient-store.ts";
import { refusesSecondCreate } from "./probe.ts";
import { SnapshotStore } from "./snapshot-store.ts";

export type ObjectLogParts = Readonly<{ store: ObjectStore; clock: Clock; random: Random; logger: Log; clusterId: string }>;

/**
 * The metadata log of controllers that keep nothing: one object a batch, created once under its index
 * (docs/rfcs/0006-object-metadata-log.md). While the store does not answer, reads wait and appends are `unknown`.
 */
export class ObjectMetadataLog implements MetadataLog {
  readonly #parts: ObjectLogParts;
  readonly #store: PatientStore;
  readonly #keys: MetadataKeys;
  readonly #snapshots: SnapshotStore;
  readonly #watchers: Watchers;
  /** What the log begins behind, as the bucket says; asked for once. */
  #base: LogBase | undefined;
  #begun: Promise<void> | undefined;
  /** All batches below are known to exist, or are in the base. */
  #knownEnd = 1;
  /** What is below was never here: the snapshot that the log begins behind has it. */
  #firstIndex = 1;
  #isProbed = false;
  #poll: Timer | undefined;
  #closed = false;

  constructor(parts: ObjectLogParts) {
    this.#parts = parts;
    this.#store = new PatientStore(parts);
    this.#keys = new MetadataKeys(parts.clusterId);
    this.#snapshots = new SnapshotStore({ ...parts, store: this.#store, keys: this.#keys });
    this.#watchers = new Watchers(parts.clock);
  }

  /** Why nothing goes on at the moment; undefined: nothing stands in the way. */
  get problem(): string | undefined {
    return this.#store.problem;
  }

  async append(index: number, batch: LogBatch): Promise<AppendResult> {
    assert(!this.#closed, "the metadata log is closed");
    if (!(await this.#hasBegun()) || !(await this.#probed())) return { kind: "unknown" };
    const endIndex = index < this.#knownEnd ? await this.#end() : await this.#endUpTo(index);
    if (endIndex !== index) return { kind: "conflict", endIndex };
    return this.#create(index, encodeEntry(this.#parts.clusterId, { index, ...batch }));
  }

  /**
   * However old they are, and whatever was trimmed: a broker at work cannot go on from a snapshot.
   * @throws {MetadataMovedError} The log ends there, and goes on elsewhere.
   */
  async readFrom(index: number): Promise<ReadResult> {
    await this.#begin();
    if (index < this.#firstIndex) return { kind: "trimmed", snapshotIndex: this.#snapshots.newestIndex };
    for (;;) {
      const known = this.#knownEnd;
      const entries = await this.#entriesFrom(index);
      if (entries.length > 0) return { kind: "entries", entries };
      const { newestIndex } = this.#snapshots;
      if (index <= newestIndex) return { kind: "trimmed", snapshotIndex: newestIndex }; // somebody else deleted it
      if (index < known) throw damagedObject(this.#keys.entry(index), "a batch is missing");
      const endIndex = index === known ? index : await this.#end();
      if (endIndex <= index) return { kind: "end", endIndex };
    }
  }

  watch(index: number, wake: () => void): () => void {
    const cancel = this.#watchers.add(index, wake, index < this.#knownEnd);
    this.#pollLater();
    return cancel;
  }

  async putSnapshot(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#begin();
    return this.#snapshots.put(index, pieces);
  }

  async latestSnapshot(): Promise<StoredSnapshot | undefined> {
    await this.#begin();
    return this.#snapshots.latest(this.#base);
  }

  /** Deletes nothing: a key that is gone could be created by a writer that slept meanwhile. */
  trimBelow(index: number): Promise<void> {
    const covered = this.#snapshots.newestIndex;
    if (index > covered + 1) return Promise.reject(new Error(`batches up to ${index - 1} are in no snapshot, the newest holds ${covered}`));
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#poll?.cancel();
    this.#store.close();
    return Promise.resolve();
  }

  /** Learns where the log begins, however long the store does not answer. */
  #begin(): Promise<void> {
    this.#begun ??= this.#readBase(this.#store);
    return this.#begun;
  }

  /** As far as the store answers now. */
  async #hasBegun(): Promise<boolean> {
    if (this.#begun === undefined) {
      try {
        await this.#readBase({ read: (key, start, end) => this.#store.readOnce(key, start, end) });
        this.#begun = Promise.resolve();
      } catch (error) {
        if (error instanceof ObjectStoreError) return false;
        throw error;
      }
    }
    await this.#begun;
    return true;
  }

  async #readBase(store: Pick<PatientStore, "read">): Promise<void> {
    const { clusterId } = this.#parts;
    const key = await readClusterKey(store);
    if (key === undefined) return;
    if (key.clusterId !== clusterId)
      throw new QueueError("START_REFUSED", `the bucket holds the metadata of cluster ${key.clusterId}, not of ${clusterId}`);
    if (key.isElsewhere)
      throw new QueueError(
        "START_REFUSED",
        "the metadata log of this cluster lies in the data folder of its controller: start with that (--metadata-log local), or bring it " +
          `here with \`tidemq metadata copy\`. cluster=${clusterId}`,
      );
    if (key.base === undefined) return;
    this.#base = key.base;
    this.#snapshots.exists(key.base.index);
    this.#firstIndex = key.base.index + 1;
    this.#exists(key.base.index);
  }

  async #probed(): Promise<boolean> {
    this.#isProbed ||= await refusesSecondCreate(this.#store, this.#keys.probe(Buffer.from(this.#parts.random.bytes(8)).toString("hex")));
    return this.#isProbed;
  }

  async #create(index: number, bytes: Uint8Array): Promise<AppendResult> {
    const key = this.#keys.entry(index);
    try {
      if (!(await this.#store.createOnce(key, bytes))) throw damagedObject(key, "the store holds other bytes than it was sent");
      this.#exists(index);
      return { kind: "appended" };
    } catch (error) {
      if (!(error instanceof ObjectStoreError)) throw error;
      if (error.code !== "exists") return { kind: "unknown" };
      this.#exists(index);
      return { kind: "conflict", endIndex: await this.#end() };
    }
  }

  /**
   * The index behind the newest batch, as it was in a moment within this call: `high` was missing, later the one before it was
   * there, and batches come one by one.
   */
  async #end(): Promise<number> {
    let low = this.#knownEnd - 1; // exists, or is 0
    let high = low + 1;
    for (let step = 2; await this.#isThere(high); step *= 2) {
      low = high;
      high = low + step;
    }
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (await this.#isThere(middle)) low = middle;
      else high = middle;
    }
    return high;
  }

  /** `index` when the batch before it exists, else where the log ends. */
  async #endUpTo(index: number): Promise<number> {
    if (index === this.#knownEnd || (await this.#isThere(index - 1))) return index;
    return this.#end();
  }

  async #isThere(index: number): Promise<boolean> {
    if (index < this.#knownEnd) return true;
    const stored = await this.#store.head(this.#keys.entry(index));
    if (stored !== undefined) this.#exists(index);
    return stored !== undefined;
  }

  #exists(index: number): void {
    if (index < this.#knownEnd) return;
    this.#knownEnd = index + 1;
    this.#watchers.reached(index);
  }

  /** The batch at `index` and those behind it, asked for several at a time once one is there. */
  async #entriesFrom(index: number): Promise<LogEntry[]> {
    const entries: LogEntry[] = [];
    for (let bytes = 0, ahead = 1; bytes < READ_BYTES_MAX; ahead = Math.min(READ_AHEAD_MAX, ahead * 2)) {
      const next = index + entries.length;
      const read = await Promise.all(Array.from({ length: ahead }, (_, at) => this.#entry(next + at)));
      for (const entry of read) {
        if (entry === undefined) return entries;
        if ("place" in entry) {
          if (entries.length > 0) return entries;
          throw new MetadataMovedError(entry);
        }
        entries.push(entry);
        bytes += entry.payload.byteLength;
      }
    }
    return entries;
  }

  /** Undefined when there is none. @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT. */
  async #entry(index: number): Promise<LogEntry | Moved | undefined> {
    const key = this.#keys.entry(index);
    const found = await readChecked(this.#parts, key, () => this.#readEntry(key));
    if (found === undefined) return undefined;
    const { header, payload } = found;
    if (isNewerEntry(header))
      throw new QueueError(
        "NEWER_FORMAT",
        `the metadata log was written by newer software: start that version. key=${key} version=${header.version}`,
      );
    if (header.index !== index || header.clusterId !== this.#parts.clusterId) throw damagedObject(key, "it is another batch's");
    this.#exists(index);
    if (header.kind === "moved") return { index: index - 1, place: Buffer.from(payload).toString("utf8") };
    return { index, nonce: header.nonce, payload };
  }

  async #readEntry(key: string): Promise<Readonly<{ header: EntryHeader; payload: Uint8Array }> | undefined> {
    const front = await this.#store.read(key, 0, ENTRY_BYTES_MIN);
    const header = decodeEntryHeader(front);
    if (header === undefined) return undefined;
    const end = ENTRY_HEADER_BYTES + header.payloadBytes;
    const isWhole = entryBytes(header.payloadBytes) === ENTRY_BYTES_MIN;
    const payload = isWhole ? front.subarray(ENTRY_HEADER_BYTES, end) : await this.#store.read(key, ENTRY_HEADER_BYTES, end);
    return crc32c(payload) === header.payloadCrc ? { header, payload } : undefined;
  }

  /** While somebody watches, the next key is asked for now and then. */
  #pollLater(): void {
    if (this.#closed || this.#poll !== undefined || !this.#watchers.isWaiting) return;
    this.#poll = this.#parts.clock.after(WATCH_POLL_MS, () => {
      this.#begin()
        .then(() => this.#isThere(this.#knownEnd))
        .catch(() => undefined) // closed meanwhile
        .finally(() => {
          this.#poll = undefined;
          this.#pollLater();
        });
    });
  }
}
