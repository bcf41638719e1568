import type { FileHeader } from "./file-header-codec.ts";
import { FIRST_GROUP_POSITION } from "./file-header-codec.ts";
import {
  CLEAN_END_FLAG,
  COPY_FLAG,
  decodeGroupHeader,
  ENTRY_BYTES,
  ENTRY_FLAGS_AT,
  EntryKind,
  type GroupHeader,
  KIND_AT,
  looksLikeGroup,
} from "./group-codec.ts";
import { directoryOf, type GroupDirectory } from "./group-directories.ts";
import { GroupTable } from "./group-table.ts";
import { BLOCK_BYTES, GROUP_PEEK_BYTES, SEARCH_READ_BYTES, UNUSED_PEEK_BYTES } from "./limits.ts";
import { readAgain } from "./read-again.ts";
import type { WalFile } from "./wal-file.ts";

/** An entry that recovery has to know before it replays: control entries and copies. */
export type NotedEntry = Readonly<{ group: number; index: number; kind: number; isCopy: boolean; entry: Buffer }>;

/** What was found of one incarnation. */
export type FileScan = {
  readonly file: WalFile;
  /** Undefined: both copies are unreadable. */
  readonly header: FileHeader | undefined;
  readonly incarnation: number;
  run: number;
  readonly groups: GroupTable;
  readonly noted: NotedEntry[];
  durableMax: number;
  metadataMax: number;
  offsetsMax: number;
  /** The last group says that nothing follows. */
  cleanEnd: boolean;
  /** Behind the last group found. */
  end: number;
};

export type ScanCounters = { files: number; groups: number; bytes: number };

/** Told of every right directory. */
export type DirectoryKeeper = (file: WalFile, incarnation: number, position: number, directory: GroupDirectory) => void;

/**
 * Walks through the groups of one file, header to header; where one is wrong, tries block after block. A disk that fails to read
 * decides nothing about them: it ends the scan with its error.
 */
export class FileScanner {
  readonly counters: ScanCounters = { files: 0, groups: 0, bytes: 0 };
  readonly #walId: Uint8Array;
  readonly #fileBytes: number;
  readonly #keep: DirectoryKeeper;
  #file: WalFile | undefined;
  /** Where the file ends: before `fileBytes` when it was cut short. */
  #fileEnd = 0;
  /** Bytes of the file from `#windowAt` on. */
  #window = Buffer.alloc(0);
  #windowAt = 0;
  #groupsInWindow = 0;

  constructor(walId: Uint8Array, fileBytes: number, keep: DirectoryKeeper) {
    this.#walId = walId;
    this.#fileBytes = fileBytes;
    this.#keep = keep;
  }

  /** @param lastExpected No group above it is looked for behind an unreadable block. */
  async scan(file: WalFile, header: FileHeader, lastExpected: number): Promise<FileScan> {
    const scan = newScan(file, header, header.incarnation, header.run, header.firstGroup);
    await this.#scanGroups(scan, FIRST_GROUP_POSITION, lastExpected);
    return scan;
  }

  /**
   * Whether a file without readable header may hold groups: its header is not all zeros, or groups lie near its beginning.
   * Else it was never used: files are filled with zeros, and there may be many.
   */
  async mayHoldGroups(file: WalFile): Promise<boolean> {
    await this.#enter(file);
    const front = await this.#bytesAt(0, FIRST_GROUP_POSITION + UNUSED_PEEK_BYTES);
    if (front.subarray(0, FIRST_GROUP_POSITION).some((byte) => byte !== 0)) return true;
    for (let at = FIRST_GROUP_POSITION; at < front.byteLength; at += BLOCK_BYTES) if (looksLikeGroup(front, at)) return true;
    return false;
  }

  /** A file without readable header: the groups of the newest incarnation in it, if there are any. */
  async scanHeaderless(file: WalFile): Promise<FileScan | undefined> {
    await this.#enter(file);
    let newest: GroupHeader | undefined;
    let first = 0;
    for (let at = FIRST_GROUP_POSITION; ; ) {
      const position = await this.#search(at, 0, 0);
      if (position === this.#fileBytes) break;
      const header = await this.#headerAt(position);
      at = position + BLOCK_BYTES;
      if (header === undefined || header.incarnation <= (newest?.incarnation ?? 0)) continue;
      newest = header;
      first = position;
    }
    if (newest === undefined) return undefined;
    const scan = newScan(file, undefined, newest.incarnation, newest.run, newest.number);
    await this.#scanGroups(scan, first, Number.MAX_SAFE_INTEGER);
    return scan;
  }

  async #enter(file: WalFile): Promise<void> {
    this.#file = file;
    this.#fileEnd = Math.min(this.#fileBytes, await file.disk.size());
    this.#window = Buffer.alloc(0);
    this.counters.files += 1;
  }

  async #scanGroups(scan: FileScan, from: number, lastExpected: number): Promise<void> {
    await this.#enter(scan.file);
    let position = from;
    while (position < this.#fileEnd) {
      const header = await this.#headerAt(position);
      if (header !== undefined && header.incarnation === scan.incarnation && header.number > scan.groups.last) {
        await this.#note(scan, position, header);
        position += header.bytes;
      } else {
        if (scan.cleanEnd || scan.groups.last >= lastExpected) return;
        position = await this.#search(position + BLOCK_BYTES, scan.incarnation, scan.groups.last);
      }
    }
  }

  async #note(scan: FileScan, position: number, header: GroupHeader): Promise<void> {
    this.counters.groups += 1;
    this.#groupsInWindow += 1;
    scan.run = header.run;
    scan.durableMax = Math.max(scan.durableMax, header.durableGroup);
    scan.metadataMax = Math.max(scan.metadataMax, header.metadataIndex);
    scan.offsetsMax = Math.max(scan.offsetsMax, header.offsets);
    scan.cleanEnd = (header.flags & CLEAN_END_FLAG) !== 0;
    scan.end = position + header.bytes;
    const peek = await this.#bytesAt(position, Math.min(header.bytes, GROUP_PEEK_BYTES));
    const directory = await directoryOf(scan.file, position, header, peek);
    this.counters.bytes +=
      header.directoryPosition + header.entryCount * ENTRY_BYTES > peek.byteLength ? header.entryCount * ENTRY_BYTES : 0;
    scan.groups.set(header.number, directory === undefined ? 0 : position / BLOCK_BYTES, header.offsets);
    if (directory === undefined) return;
    noteEntries(scan, header.number, directory);
    this.#keep(scan.file, scan.incarnation, position, directory);
  }

  async #headerAt(position: number): Promise<GroupHeader | undefined> {
    const bytes = await this.#bytesAt(position, BLOCK_BYTES);
    return decodeGroupHeader(bytes, 0, this.#walId, position, this.#fileBytes);
  }

  /** The next right header at or behind `from`, of this incarnation (0: any) and above this number, or the file's end. */
  async #search(from: number, incarnation: number, above: number): Promise<number> {
    for (let at = from; at < this.#fileEnd; at += BLOCK_BYTES) {
      const bytes = await this.#bytesAt(at, BLOCK_BYTES, SEARCH_READ_BYTES);
      if (bytes.byteLength < BLOCK_BYTES || !looksLikeGroup(bytes, 0)) continue;
      const header = decodeGroupHeader(bytes, 0, this.#walId, at, this.#fileBytes);
      if (header === undefined) continue;
      if (incarnation === 0 || (header.incarnation === incarnation && header.number > above)) return at;
    }
    return this.#fileBytes;
  }

  /** Bytes of the file; fewer at its end. Reads ahead while groups are small. */
  async #bytesAt(position: number, length: number, ahead = GROUP_PEEK_BYTES): Promise<Buffer> {
    const from = position - this.#windowAt;
    if (from < 0 || from + length > this.#window.byteLength) await this.#readWindow(position, Math.max(length, ahead));
    const start = position - this.#windowAt;
    return this.#window.subarray(start, start + length);
  }

  async #readWindow(position: number, length: number): Promise<void> {
    // Several groups lay in the last one: they are small, so more is read at once.
    const size = Math.min(this.#groupsInWindow >= 4 ? Math.max(length, WINDOW_BYTES) : length, this.#fileBytes - position);
    this.#groupsInWindow = 0;
    const window = Buffer.allocUnsafeSlow(size);
    const read = await readAgain(this.#file as WalFile, position, window);
    this.counters.bytes += read;
    this.#window = window.subarray(0, read);
    this.#windowAt = position;
  }
}

const WINDOW_BYTES = 256 * 1024;

function newScan(file: WalFile, header: FileHeader | undefined, incarnation: number, run: number, first: number): FileScan {
  return {
    file,
    header,
    incarnation,
    run,
    groups: new GroupTable(first),
    noted: [],
    durableMax: 0,
    metadataMax: 0,
    offsetsMax: 0,
    cleanEnd: false,
    end: FIRST_GROUP_POSITION,
  };
}

function noteEntries(scan: FileScan, group: number, directory: GroupDirectory): void {
  const { view, bytes } = directory;
  for (let index = 0; index < directory.header.entryCount; index++) {
    const at = index * ENTRY_BYTES;
    const kind = view.getUint8(at + KIND_AT);
    const isCopy = (view.getUint8(at + ENTRY_FLAGS_AT) & COPY_FLAG) !== 0;
    if (!isCopy && (kind === EntryKind.append || kind === EntryKind.base)) continue;
    scan.noted.push({ group, index, kind, isCopy, entry: Buffer.from(bytes.subarray(at, at + ENTRY_BYTES)) });
  }
}
