import { must } from "../base/assert.ts";
import type { Disk, DiskFile } from "../io/disk.ts";
import {
  decodeFileHeader,
  FILE_HEADER_BYTES,
  FIRST_GROUP_POSITION,
  type FileHeader,
  type NeededFile,
  WAL_FORMAT_VERSION,
} from "./file-header-codec.ts";
import { type DirectoryKeeper, type FileScan, FileScanner } from "./file-scan.ts";
import { EntryKind, looksLikeGroup, readU64, THIRD_AT } from "./group-codec.ts";
import { BLOCK_BYTES, SEARCH_READ_BYTES } from "./limits.ts";
import { readAgain } from "./read-again.ts";
import { slotOf, type WalFile, walFilePath } from "./wal-file.ts";
import type { WalFiles } from "./wal-files.ts";
import { WalOpenError } from "./wal-options.ts";

const NO_HEADER = "no file header of the WAL is readable, but it holds records: restore the folder `wal` from a copy, or remove it";

/** A file that exists, and its header if it has one of this log. */
export type FoundFile = { readonly file: WalFile; readonly size: number; readonly header: FileHeader | undefined };

/** What lies on the disk: which files count, and their groups. */
export type Survey = {
  readonly found: readonly FoundFile[];
  /** Incarnations that count, ascending; each with the last group that counts, as far as a list says. */
  readonly scans: readonly Readonly<{ scan: FileScan; lastListed: number | undefined }>[];
  /** Named by the newest readable list, but not there. */
  readonly absent: readonly NeededFile[];
  /** Starts that were never finished, of which something is still there. */
  readonly unfinishedRuns: number;
  /** Highest numbers ever seen, also where nothing counts. */
  readonly runNewest: number;
  readonly incarnationNewest: number;
  /** Files that the newest readable header knew of. */
  readonly slotCount: number;
  readonly scanner: FileScanner;
};

/** Opens every file of the folder and reads its header. */
export async function findFiles(files: WalFiles, disk: Disk, folder: string): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  for (const name of await disk.list(folder)) {
    const slot = slotOf(name);
    if (slot === undefined) continue;
    const file = files.slot(slot);
    file.handle = await disk.open(walFilePath(folder, slot), "write");
    const size = await file.disk.size();
    found.push({ file, size, header: await readFileHeader(file.disk) });
  }
  return found;
}

/** The better of its two copies; undefined when neither is readable. */
export async function readFileHeader(file: DiskFile): Promise<FileHeader | undefined> {
  const bytes = Buffer.alloc(FIRST_GROUP_POSITION);
  await file.read(0, bytes);
  for (let at = 0; at < FIRST_GROUP_POSITION; at += FILE_HEADER_BYTES) {
    const header = decodeFileHeader(bytes, at);
    if (header !== undefined) return header;
  }
  return undefined;
}

/**
 * The id of the log that most headers name; undefined when no header is readable.
 * @throws {WalOpenError} If the log is of a newer version or of another file size.
 */
export function walIdOf(found: readonly Pick<FoundFile, "header">[], fileBytes: number): Uint8Array | undefined {
  const votes = new Map<string, { id: Uint8Array; count: number; newest: number }>();
  for (const { header } of found) {
    if (header === undefined) continue;
    if (header.version > WAL_FORMAT_VERSION) {
      throw new WalOpenError(
        `the WAL was written by a newer version: start that one. format=${header.version} known=${WAL_FORMAT_VERSION}`,
      );
    }
    const key = Buffer.from(header.walId).toString("hex");
    const vote = votes.get(key) ?? { id: header.walId, count: 0, newest: 0 };
    vote.count += 1;
    vote.newest = Math.max(vote.newest, header.incarnation);
    votes.set(key, vote);
  }
  const [first] = [...votes.values()].sort((a, b) => b.count - a.count || b.newest - a.newest);
  if (first === undefined) return undefined;
  const other = found.find(
    ({ header }) => header !== undefined && Buffer.compare(header.walId, first.id) === 0 && header.fileBytes !== fileBytes,
  );
  if (other?.header !== undefined) {
    throw new WalOpenError(
      `the WAL has files of another size: configure that one. fileBytes=${other.header.fileBytes} configured=${fileBytes}`,
    );
  }
  return first.id;
}

/**
 * The id of a log that is made now. @throws {WalOpenError} If there are groups: then the log has lost all file headers.
 */
export async function newWalId(found: readonly FoundFile[], walId: Uint8Array): Promise<Uint8Array> {
  for (const { file, size } of found) {
    for (let at = 0; at < size; at += SEARCH_READ_BYTES) {
      const bytes = Buffer.alloc(Math.min(SEARCH_READ_BYTES, size - at));
      const read = await readAgain(file, at, bytes);
      for (let block = 0; block < read; block += BLOCK_BYTES) if (looksLikeGroup(bytes, block)) throw new WalOpenError(NO_HEADER);
    }
  }
  return walId;
}

/** Finds out which incarnations count, and reads their groups' headers and directories. */
export async function surveyLog(files: WalFiles, found: readonly FoundFile[], keep: DirectoryKeeper): Promise<Survey> {
  const surveyor = new Surveyor(files, found, keep);
  return surveyor.run();
}

class Surveyor {
  readonly #found: readonly FoundFile[];
  readonly #scanner: FileScanner;
  readonly #scans = new Map<number, FileScan>();
  readonly #headers: { header: FileHeader; file: WalFile }[] = [];
  readonly #finished: FileScan[] = [];
  #newest: FileScan | undefined;
  #unfinishedRuns = 0;

  constructor(files: WalFiles, found: readonly FoundFile[], keep: DirectoryKeeper) {
    this.#found = found;
    this.#scanner = new FileScanner(files.walId, files.fileBytes, keep);
    for (const { file, header } of found) {
      if (header !== undefined && Buffer.compare(header.walId, files.walId) === 0) this.#headers.push({ header, file });
    }
    this.#headers.sort((a, b) => a.header.incarnation - b.header.incarnation);
  }

  async run(): Promise<Survey> {
    for (const { file } of this.#found) {
      if (this.#headers.some((known) => known.file === file) || !(await this.#scanner.mayHoldGroups(file))) continue;
      const scan = await this.#scanner.scanHeaderless(file);
      if (scan !== undefined) this.#scans.set(scan.incarnation, scan);
    }
    await this.#judgeRuns();
    return this.#result();
  }

  /** From the newest run down: unfinished starts fall away, until a finished run has a readable header. */
  async #judgeRuns(): Promise<void> {
    const runs = new Set([...this.#headers.map(({ header }) => header.run), ...[...this.#scans.values()].map((scan) => scan.run)]);
    for (const run of [...runs].sort((a, b) => b - a)) {
      await this.#scanFilesOf((one) => one === run);
      const scans = [...this.#scans.values()].filter((scan) => scan.run === run);
      if (!(await this.#isFinished(run, scans))) {
        this.#unfinishedRuns += 1;
        continue;
      }
      this.#finished.push(...scans);
      this.#newest = scans.filter((scan) => scan.header !== undefined).sort((a, b) => b.incarnation - a.incarnation)[0];
      if (this.#newest !== undefined) return;
    }
  }

  /**
   * A finished run has a start entry, or names a durable group above the D that it began with: then its start entry was
   * synced, and is damaged now.
   */
  async #isFinished(run: number, scans: readonly FileScan[]): Promise<boolean> {
    if (scans.some((scan) => scan.noted.some((noted) => noted.kind === EntryKind.start && startedRun(noted.entry) === run))) return true;
    const header = scans.find((scan) => scan.header !== undefined)?.header;
    const before = header?.startDurable ?? (await this.#durableBefore(run));
    return scans.some((scan) => scan.durableMax > before);
  }

  /** The D that a run without any readable header began with, or less: what older ones name. */
  async #durableBefore(run: number): Promise<number> {
    await this.#scanFilesOf((one) => one < run);
    return [...this.#scans.values()].reduce((max, scan) => (scan.run < run ? Math.max(max, scan.durableMax) : max), 0);
  }

  async #scanFilesOf(isWanted: (run: number) => boolean): Promise<void> {
    for (const { header, file } of this.#headers) if (isWanted(header.run)) await this.#scan(file, header, Number.MAX_SAFE_INTEGER);
  }

  async #scan(file: WalFile, header: FileHeader, lastExpected: number): Promise<FileScan> {
    const known = this.#scans.get(header.incarnation);
    if (known !== undefined) return known;
    const scan = await this.#scanner.scan(file, header, lastExpected);
    this.#scans.set(header.incarnation, scan);
    return scan;
  }

  async #result(): Promise<Survey> {
    const newest = this.#newest;
    if (newest === undefined && this.#finished.length > 0) {
      throw new WalOpenError(NO_HEADER);
    }
    const listed = newest?.header?.needed ?? [];
    const scans: { scan: FileScan; lastListed: number | undefined }[] = [];
    const absent: NeededFile[] = [];
    for (const needed of listed) {
      const scan = await this.#listed(needed);
      if (scan === undefined) absent.push(needed);
      else scans.push({ scan, lastListed: needed.lastGroup });
    }
    for (const scan of this.#finished) {
      if (newest !== undefined && scan.incarnation >= newest.incarnation) scans.push({ scan, lastListed: undefined });
    }
    scans.sort((a, b) => a.scan.incarnation - b.scan.incarnation);
    const all = [...this.#headers.map(({ header }) => header), ...this.#scans.values()];
    return {
      found: this.#found,
      scans,
      absent,
      unfinishedRuns: this.#unfinishedRuns,
      runNewest: all.reduce((max, { run }) => Math.max(max, run), 0),
      incarnationNewest: all.reduce((max, { incarnation }) => Math.max(max, incarnation), 0),
      slotCount: newest?.header?.slotCount ?? 0,
      scanner: this.#scanner,
    };
  }

  /** The groups of a file that the newest list names, or undefined when that incarnation is not there any more. */
  async #listed(needed: NeededFile): Promise<FileScan | undefined> {
    const known = this.#scans.get(needed.incarnation);
    if (known !== undefined) return known;
    const header = this.#headers.find((one) => one.header.incarnation === needed.incarnation);
    if (header !== undefined) return this.#scan(header.file, header.header, needed.lastGroup);
    const there = this.#found.find(({ file, header: other }) => file.slot === needed.slot && other === undefined);
    const scan = there === undefined ? undefined : await this.#scanner.scanHeaderless(there.file);
    return scan?.incarnation === needed.incarnation ? scan : undefined;
  }
}

function startedRun(entry: Buffer): number {
  return readU64(new DataView(entry.buffer, entry.byteOffset, entry.byteLength), THIRD_AT);
}

/** Position in the file of a group that was found. */
export function positionIn(scan: FileScan, number: number): number {
  return must(scan.groups.block(number) || undefined, `group ${number}`) * BLOCK_BYTES;
}
