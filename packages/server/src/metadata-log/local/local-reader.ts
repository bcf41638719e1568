import { QueueError } from "../../base/errors.ts";
import type { Disk, DiskFile } from "../../io/disk.ts";
import { READ_BYTES_MAX } from "../limits.ts";
import type { MetadataReader, ReadResult, StoredSnapshot } from "../metadata-log.ts";
import type { Moved } from "../moved.ts";
import { DATA_VERSION, readDataFormat } from "./data-format.ts";
import { readIncoming, unfinishedCopy } from "./incoming-file.ts";
import { hasLog } from "./incoming-log.ts";
import { readBatches } from "./log-batches.ts";
import { checkAgainstSnapshot, type ScannedLog, scanLog } from "./log-scan.ts";
import { SnapshotFiles } from "./snapshot-files.ts";

const LOG_FILE = "meta/log";

/**
 * The log of a data folder as it was when this was opened, for who changes nothing: a process may be writing it. Whatever a
 * reader finds damaged then may only have been replaced meanwhile: look again.
 */
export class LocalLogReader implements MetadataReader {
  readonly clusterId: string;
  /** The folder's log goes on elsewhere. */
  readonly moved: Moved | undefined;
  readonly firstIndex: number;
  readonly formats: Readonly<Record<string, number>>;
  readonly #snapshots: SnapshotFiles;
  readonly #file: DiskFile;
  readonly #scanned: ScannedLog;

  private constructor(clusterId: string, moved: Moved | undefined, snapshots: SnapshotFiles, file: DiskFile, scanned: ScannedLog) {
    this.clusterId = clusterId;
    this.moved = moved;
    this.firstIndex = scanned.header.firstIndex;
    this.formats = { data: DATA_VERSION, log: scanned.header.version };
    this.#snapshots = snapshots;
    this.#file = file;
    this.#scanned = scanned;
  }

  /** Undefined: there is no metadata in the folder. @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT, START_REFUSED: an unfinished copy. */
  static async open(disk: Disk): Promise<LocalLogReader | undefined> {
    const format = await readDataFormat(disk);
    if (format !== undefined && format.moved === undefined && !(await hasLog(disk)))
      throw new QueueError(
        "INVALID_REQUEST",
        `the folder is a broker's: its cluster has the metadata with its controllers, name their place. cluster=${format.clusterId}`,
      );
    if (format !== undefined) return LocalLogReader.#openLog(disk, format.clusterId, format.moved);
    const from = await readIncoming(disk);
    if (from !== undefined) throw unfinishedCopy(from);
    return undefined;
  }

  /** A copy that does not count yet. */
  static openIncoming(disk: Disk, clusterId: string): Promise<LocalLogReader> {
    return LocalLogReader.#openLog(disk, clusterId, undefined);
  }

  static async #openLog(disk: Disk, clusterId: string, moved: Moved | undefined): Promise<LocalLogReader> {
    const snapshots = new SnapshotFiles(disk);
    await snapshots.look();
    const file = await disk.open(LOG_FILE, "read");
    try {
      const scanned = await scanLog(file, clusterId);
      checkAgainstSnapshot(scanned, snapshots.newestIndex);
      return new LocalLogReader(clusterId, moved, snapshots, file, scanned);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async readFrom(index: number): Promise<ReadResult> {
    const { header, positions, endPosition } = this.#scanned;
    const { firstIndex, incarnation } = header;
    const endIndex = firstIndex + positions.length;
    if (index < firstIndex) return { kind: "trimmed", snapshotIndex: this.#snapshots.newestIndex };
    if (index >= endIndex) return { kind: "end", endIndex };
    const batches = { file: this.#file, incarnation, firstIndex, positions, endPosition };
    return { kind: "entries", entries: await readBatches(batches, index, READ_BYTES_MAX) };
  }

  latestSnapshot(): Promise<StoredSnapshot | undefined> {
    return Promise.resolve(this.#snapshots.latest());
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
