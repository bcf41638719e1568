import { Buffer } from "node:buffer";
import { assert } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import type { Clock, Timer } from "../../io/clock.ts";
import { type Disk, DiskError, type DiskFile } from "../../io/disk.ts";
import { ROOT } from "../../io/disk-path.ts";
import type { Random } from "../../io/random.ts";
import type { Log } from "../../telemetry/log.ts";
import { MARK_DELAY_MS, READ_BYTES_MAX, ROOM_PROBE_BYTES, ROOM_RETRY_MS } from "../limits.ts";
import {
  type AppendResult,
  type LogBatch,
  type LogEntry,
  type MetadataLog,
  type ReadResult,
  SnapshotUnreadError,
  type StoredSnapshot,
} from "../metadata-log.ts";
import { MetadataMovedError } from "../moved.ts";
import { Watchers } from "../watchers.ts";
import { META_FOLDER, readDataFormat, writeDataFormat } from "./data-format.ts";
import { INCOMING_FILE, refuseUnfinishedCopy } from "./incoming-file.ts";
import { readBatches } from "./log-batches.ts";
import { checkAgainstSnapshot, damaged, type ScannedLog, scanLog } from "./log-scan.ts";
import { encodeBatchRecord, encodeFileHeader, encodeMark, FILE_HEADER_BYTES, FILE_VERSION, recordBytes } from "./record-codec.ts";
import { SnapshotFiles } from "./snapshot-files.ts";

const LOG_FILE = "meta/log";
const LOG_NEW = "meta/log.new";

export type LocalLogParts = Readonly<{
  disk: Disk;
  clock: Clock;
  random: Random;
  logger: Log;
  /** Ends the process: something that was to become durable did not. */
  fatal: (error: Error) => void;
}>;

/**
 * The metadata log of one node: a file, synced at every append (docs/formats/metadata-log.md). The folder's lock keeps
 * other processes away. Idle, it writes nothing.
 */
export class LocalMetadataLog implements MetadataLog {
  readonly clusterId: string;
  /** Where the log ended when it was opened: what to compare with what others remember of it. */
  readonly openedEndIndex: number;
  readonly #parts: LocalLogParts;
  readonly #snapshots: SnapshotFiles;
  readonly #watchers: Watchers;
  #file: DiskFile;
  #incarnation: string;
  #firstIndex: number;
  /** Of the batches from #firstIndex on. */
  #positions: number[];
  #endPosition: number;
  /** The newest batch that a record in the file names as synced. */
  #markedIndex: number;
  #markTimer: Timer | undefined;
  /** Calls that touch the file run one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  /** Why the disk takes nothing; undefined: it does. */
  #noRoom: string | undefined;
  #roomTimer: Timer | undefined;
  #failure: Error | undefined;
  #closed = false;

  private constructor(parts: LocalLogParts, snapshots: SnapshotFiles, file: DiskFile, scanned: ScannedLog) {
    this.#parts = parts;
    this.#snapshots = snapshots;
    this.#watchers = new Watchers(parts.clock);
    this.#file = file;
    this.clusterId = scanned.header.clusterId;
    this.#incarnation = scanned.header.incarnation;
    this.#firstIndex = scanned.header.firstIndex;
    this.#positions = scanned.positions;
    this.#endPosition = scanned.endPosition;
    this.#markedIndex = scanned.durableIndex;
    this.openedEndIndex = this.#endIndex;
    if (this.#markedIndex < this.#endIndex - 1) this.#markLater();
  }

  /**
   * Opens the log of this data folder, or makes a new folder's with the cluster id given (else a random one).
   * @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT, START_REFUSED: the node does not start, nothing was changed.
   */
  static async open(parts: LocalLogParts, newClusterId?: string): Promise<LocalMetadataLog> {
    const { disk } = parts;
    const format = await readDataFormat(disk);
    if (format?.moved !== undefined) throw new MetadataMovedError(format.moved);
    const clusterId = format?.clusterId ?? (await createFolder(parts, newClusterId));
    await disk.remove(INCOMING_FILE);
    await disk.remove(LOG_NEW);
    const snapshots = new SnapshotFiles(disk);
    await snapshots.open();
    const file = await openLogFile(disk);
    const scanned = await scanLog(file, clusterId);
    checkAgainstSnapshot(scanned, snapshots.newestIndex);
    await cutTail(file, scanned, parts.logger);
    await disk.syncFolder(META_FOLDER); // a process that was killed may have renamed a file, and no more
    return new LocalMetadataLog(parts, snapshots, file, scanned);
  }

  get #endIndex(): number {
    return this.#firstIndex + this.#positions.length;
  }

  /** The index that the next batch gets. */
  get endIndex(): number {
    return this.#endIndex;
  }

  /** Of the file, snapshots not included. */
  get bytes(): number {
    return this.#endPosition;
  }

  /**
   * To be asked before the first append of this start, with the newest index that the write-ahead log remembers as applied.
   * @throws {QueueError} CORRUPT_METADATA when this log ends below it: part of it is lost, or the folder is an old copy.
   */
  checkReaches(index: number): void {
    if (index >= this.openedEndIndex)
      throw damaged(`the write-ahead log knows batch ${index}, meta/log ends with ${this.openedEndIndex - 1}`);
  }

  append(index: number, batch: LogBatch): Promise<AppendResult> {
    return this.#inTurn(async () => {
      if (index !== this.#endIndex) return { kind: "conflict", endIndex: this.#endIndex };
      const { nonce, payload } = batch;
      const record = encodeBatchRecord(this.#incarnation, { index, durableIndex: index - 1, nonce, payload });
      const reason = await this.#written(record, true);
      if (reason !== undefined) return { kind: "full", reason };
      this.#positions.push(this.#endPosition);
      this.#endPosition += record.byteLength;
      this.#markedIndex = index - 1;
      this.#markLater();
      this.#watchers.reached(index);
      return { kind: "appended" };
    });
  }

  readFrom(index: number): Promise<ReadResult> {
    assert(index >= 1, "the first batch is 1");
    return this.#inTurn(async () => {
      if (index < this.#firstIndex) return { kind: "trimmed", snapshotIndex: this.#snapshots.newestIndex };
      if (index >= this.#endIndex) return { kind: "end", endIndex: this.#endIndex };
      return { kind: "entries", entries: await this.#readEntries(index, READ_BYTES_MAX) };
    });
  }

  watch(index: number, wake: () => void): () => void {
    return this.#watchers.add(index, wake, index < this.#endIndex);
  }

  async putSnapshot(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    assert(index < this.#endIndex, `a snapshot of batch ${index}, which is not in the log`);
    const putOff = await this.#guard(async () => {
      try {
        await this.#snapshots.put(index, pieces);
        return undefined;
      } catch (error) {
        if (error instanceof SnapshotUnreadError) return error;
        if (!isNoRoom(error)) throw error;
        return new QueueError("DISK_FULL", `no room for a snapshot of the metadata. reason=${this.#isFull(error)}`);
      }
    });
    if (putOff !== undefined) throw putOff;
  }

  latestSnapshot(): Promise<StoredSnapshot | undefined> {
    return Promise.resolve(this.#snapshots.latest());
  }

  trimBelow(index: number): Promise<void> {
    return this.#inTurn(async () => {
      assert(index <= this.#snapshots.newestIndex + 1, `batches below ${index} are in no snapshot`);
      if (index > this.#firstIndex) await this.#rewriteIfRoom(index);
    });
  }

  /** What the disk says when it is full; undefined: it has room. */
  get roomProblem(): string | undefined {
    return this.#noRoom;
  }

  async close(): Promise<void> {
    this.#markTimer?.cancel();
    this.#roomTimer?.cancel();
    await this.#inTurn(() => this.#mark());
    this.#closed = true;
    await this.#last;
    await this.#file.close();
  }

  #readEntries(from: number, bytesMax: number): Promise<LogEntry[]> {
    const batches = {
      file: this.#file,
      incarnation: this.#incarnation,
      firstIndex: this.#firstIndex,
      positions: this.#positions,
      endPosition: this.#endPosition,
    };
    return readBatches(batches, from, bytesMax);
  }

  async #rewriteIfRoom(index: number): Promise<void> {
    const { disk } = this.#parts;
    await disk.remove(LOG_NEW);
    const file = await disk.open(LOG_NEW, "create");
    try {
      await this.#rewriteFrom(index, file);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      this.#isFull(error);
      await file.close();
      await disk.remove(LOG_NEW);
    }
  }

  /** The batches from `index` on under a new incarnation in a new file, which takes the old one's place whole. */
  async #rewriteFrom(index: number, file: DiskFile): Promise<void> {
    const { disk, random } = this.#parts;
    const header = { version: FILE_VERSION, firstIndex: index, incarnation: hex(random.bytes(8)), clusterId: this.clusterId };
    await file.write(0, [encodeFileHeader(header)], false);
    const positions: number[] = [];
    let position = FILE_HEADER_BYTES;
    for (let next = index; next < this.#endIndex; ) {
      for (const entry of await this.#readEntries(next, READ_BYTES_MAX)) {
        const record = encodeBatchRecord(header.incarnation, { ...entry, durableIndex: entry.index - 1 });
        await file.write(position, [record], false);
        positions.push(position);
        position += record.byteLength;
        next = entry.index + 1;
      }
    }
    await file.sync();
    await disk.rename(LOG_NEW, LOG_FILE);
    await disk.syncFolder(META_FOLDER);
    await this.#file.close();
    this.#file = file;
    this.#incarnation = header.incarnation;
    this.#firstIndex = index;
    this.#positions = positions;
    this.#endPosition = position;
    this.#markedIndex = this.#endIndex - 2;
    this.#markLater();
  }

  #markLater(): void {
    this.#markTimer?.cancel();
    if (this.#closed) return;
    this.#markTimer = this.#parts.clock.after(MARK_DELAY_MS, () => {
      this.#inTurn(() => this.#mark()).catch(() => {}); // told to `fatal` already
    });
  }

  /** Names the newest batch as durable, once. Not synced: it only helps to tell damage from a torn write. */
  async #mark(): Promise<void> {
    const durableIndex = this.#endIndex - 1;
    if (durableIndex < this.#firstIndex || this.#markedIndex >= durableIndex) return;
    if ((await this.#written(encodeMark(this.#incarnation, durableIndex), false)) !== undefined) return;
    this.#endPosition += recordBytes(0);
    this.#markedIndex = durableIndex;
  }

  /**
   * Writes behind the end. @returns Why there is no room: then nothing of it stays. A write that does not fit has promised nothing, unlike
   * a sync that fails.
   */
  async #written(record: Uint8Array, sync: boolean): Promise<string | undefined> {
    const calls = [this.#file.write(this.#endPosition, [record], false), ...(sync ? [this.#file.sync()] : [])];
    const [written, synced] = await Promise.allSettled(calls);
    if (synced?.status === "rejected") throw synced.reason;
    if (written?.status !== "rejected") {
      this.#hasRoom();
      return undefined;
    }
    if (!isNoRoom(written.reason)) throw written.reason;
    await this.#file.truncate(this.#endPosition);
    return this.#isFull(written.reason);
  }

  #hasRoom(): void {
    if (this.#noRoom === undefined) return;
    this.#noRoom = undefined;
    this.#roomTimer?.cancel();
    this.#parts.logger.info("the disk of the metadata has room again");
  }

  #isFull(error: DiskError): string {
    if (this.#noRoom === undefined)
      this.#parts.logger.error("the disk of the metadata is full: nothing of it changes until there is room", { reason: error.message });
    this.#noRoom = error.message;
    this.#roomTimer?.cancel();
    this.#roomTimer = this.#parts.clock.after(ROOM_RETRY_MS, () => {
      if (!this.#closed) this.#inTurn(() => this.#tryRoom()).catch(() => {}); // told to `fatal` already
    });
    return error.message;
  }

  /** Behind the end, where what is there counts for nothing, and goes again. */
  async #tryRoom(): Promise<void> {
    if ((await this.#written(new Uint8Array(ROOM_PROBE_BYTES), false)) === undefined) await this.#file.truncate(this.#endPosition);
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    assert(!this.#closed, "the metadata log is closed");
    const result = this.#last.then(() => this.#guard(run));
    this.#last = result.catch(() => {});
    return result;
  }

  /** After the first failure nothing is tried any more: the kernel may have forgotten what it could not write. */
  async #guard<T>(run: () => Promise<T>): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return await run();
    } catch (error) {
      this.#failure = error as Error;
      this.#markTimer?.cancel();
      this.#parts.fatal(this.#failure);
      throw error;
    }
  }
}

function isNoRoom(error: unknown): error is DiskError {
  return error instanceof DiskError && error.code === "no-space";
}

/** A folder without `meta/format` holds nothing that counts; whatever lies in it is of a start that did not get so far. */
async function createFolder(parts: LocalLogParts, newClusterId: string | undefined): Promise<string> {
  const { disk, random } = parts;
  await refuseUnfinishedCopy(disk);
  const wal = await disk.list("wal");
  if (wal.length > 0) throw damaged("the data folder has a write-ahead log, but no meta/format");
  const clusterId = newClusterId ?? Buffer.from(random.bytes(16)).toString("base64url");
  await disk.makeFolder(META_FOLDER);
  await disk.syncFolder(ROOT);
  for (const name of await disk.list(META_FOLDER)) await removeUnfinished(disk, `${META_FOLDER}/${name}`);
  const file = await disk.open(LOG_FILE, "create");
  const header = { version: FILE_VERSION, firstIndex: 1, incarnation: hex(random.bytes(8)), clusterId };
  await file.write(0, [encodeFileHeader(header)], true);
  await file.close();
  await disk.syncFolder(META_FOLDER);
  await writeDataFormat(disk, { clusterId, moved: undefined });
  return clusterId;
}

/** A first start that ended early leaves at most a log without batches. */
async function removeUnfinished(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, "read");
  const size = await file.size();
  await file.close();
  if (path.startsWith("meta/snapshot-") || (path === LOG_FILE && size > FILE_HEADER_BYTES))
    throw damaged(`the data folder has ${path}, but no meta/format`);
  await disk.remove(path);
}

async function openLogFile(disk: Disk): Promise<DiskFile> {
  try {
    return await disk.open(LOG_FILE, "write");
  } catch (error) {
    if (error instanceof DiskError && error.code === "not-found") throw damaged("meta/log is missing");
    throw error;
  }
}

/**
 * What a crash left half written goes; what it left written becomes durable before anybody builds on it. It is written once
 * more: after a sync that failed, the kernel shows what the disk does not hold, and takes it for synced.
 */
async function cutTail(file: DiskFile, scanned: ScannedLog, logger: Log): Promise<void> {
  if (scanned.endPosition < scanned.size) {
    logger.info("cut an unfinished batch off the metadata log", {
      position: scanned.endPosition,
      bytes: scanned.size - scanned.endPosition,
    });
    await file.truncate(scanned.endPosition);
  }
  const start = scanned.positions[scanned.durableIndex + 1 - scanned.header.firstIndex] ?? scanned.endPosition;
  const tail = Buffer.alloc(scanned.endPosition - start);
  if ((await file.read(start, tail)) < tail.byteLength) throw damaged("meta/log became shorter while it was opened");
  await file.write(start, [tail], true);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
