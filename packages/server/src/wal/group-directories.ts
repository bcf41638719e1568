import { QueueError } from "../base/errors.ts";
import { decodeGroupHeader, ENTRY_BYTES, GROUP_HEADER_BYTES, type GroupHeader, isDirectoryRight } from "./group-codec.ts";
import { DIRECTORY_CACHE_BYTES_MAX, GROUP_PEEK_BYTES } from "./limits.ts";
import type { LogReads } from "./log-reads.ts";
import { type ReadFile, readAgain } from "./read-again.ts";
import type { WalFile } from "./wal-file.ts";
import type { WalFiles } from "./wal-files.ts";

/** Header and directory of one group, checked. `bytes` and `view` show the directory. */
export type GroupDirectory = Readonly<{ header: GroupHeader; bytes: Buffer; view: DataView }>;

/** Reads a group's directory from its file: undefined when header or directory are not right. @throws What `readFile` throws. */
export async function readDirectory(
  file: WalFile,
  position: number,
  walId: Uint8Array,
  fileBytes: number,
  readFile: ReadFile = readAgain,
): Promise<GroupDirectory | undefined> {
  const peek = Buffer.allocUnsafeSlow(Math.min(GROUP_PEEK_BYTES, fileBytes - position));
  const read = await readFile(file, position, peek);
  const header = decodeGroupHeader(peek.subarray(0, read), 0, walId, position, fileBytes);
  if (header === undefined) return undefined;
  return directoryOf(file, position, header, peek.subarray(0, read), readFile);
}

/** The directory that this header names; `peek` is what was read from the group's start already. */
export async function directoryOf(
  file: WalFile,
  position: number,
  header: GroupHeader,
  peek: Uint8Array,
  readFile: ReadFile = readAgain,
): Promise<GroupDirectory | undefined> {
  const length = header.entryCount * ENTRY_BYTES;
  const end = header.directoryPosition + length;
  const bytes = Buffer.allocUnsafeSlow(length);
  if (end <= peek.byteLength) Buffer.prototype.copy.call(peek, bytes, 0, header.directoryPosition, end);
  else if ((await readFile(file, position + header.directoryPosition, bytes)) < length) return undefined;
  if (!isDirectoryRight(bytes, header)) return undefined;
  return { header, bytes, view: new DataView(bytes.buffer, bytes.byteOffset, length) };
}

/** Directories of groups that are in no slab any more, the latest used ones. Concurrent misses share one read. */
export class GroupDirectories {
  readonly #files: WalFiles;
  readonly #cached = new Map<number, GroupDirectory>();
  readonly #reading = new Map<number, Promise<GroupDirectory>>();
  #bytes = 0;

  readonly #reads: LogReads;

  constructor(files: WalFiles, reads: LogReads) {
    this.#files = files;
    this.#reads = reads;
  }

  /** @throws {QueueError} CORRUPT_RECORD when the group is not right any more, WAL_UNREADABLE when the disk fails. */
  get(address: number, file: WalFile): Promise<GroupDirectory> {
    const cached = this.#cached.get(address);
    if (cached !== undefined) {
      this.#cached.delete(address); // to the end: the latest used
      this.#cached.set(address, cached);
      return Promise.resolve(cached);
    }
    const reading = this.#reading.get(address) ?? this.#read(address, file);
    this.#reading.set(address, reading);
    return reading;
  }

  async #read(address: number, file: WalFile): Promise<GroupDirectory> {
    try {
      const position = this.#files.positionOf(address);
      const directory = await readDirectory(file, position, this.#files.walId, this.#files.fileBytes, this.#reads.read);
      // A group that is not written yet: what lies there is left from an earlier use of the slot.
      if (directory === undefined || directory.header.incarnation !== file.incarnation)
        throw new QueueError("CORRUPT_RECORD", `WAL group is unreadable. slot=${file.slot} position=${position}`);
      this.#keep(address, directory);
      return directory;
    } finally {
      this.#reading.delete(address);
    }
  }

  #keep(address: number, directory: GroupDirectory): void {
    this.#cached.set(address, directory);
    this.#bytes += costOf(directory);
    for (const [oldest, old] of this.#cached) {
      if (this.#bytes <= DIRECTORY_CACHE_BYTES_MAX) return;
      this.#cached.delete(oldest);
      this.#bytes -= costOf(old);
    }
  }
}

function costOf(directory: GroupDirectory): number {
  return directory.bytes.byteLength + GROUP_HEADER_BYTES;
}
