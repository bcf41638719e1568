import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { isBatchProven } from "./cold-reader.ts";
import { FIRST_GROUP_POSITION } from "./file-header-codec.ts";
import type { FileScan, NotedEntry } from "./file-scan.ts";
import { isFlipped } from "./flipped-group.ts";
import {
  BODY_CRC_AT,
  COPY_FLAG,
  ENTRY_BYTES,
  ENTRY_FLAGS_AT,
  EntryKind,
  KIND_AT,
  LAST_DELTA_AT,
  LENGTH_AT,
  OFFSET_AT,
  POSITION_AT,
  readU64,
  THIRD_AT,
} from "./group-codec.ts";
import { type GroupDirectory, readDirectory } from "./group-directories.ts";
import { readAgain } from "./read-again.ts";
import { positionIn, type Survey } from "./recovery-survey.ts";
import type { WalFiles } from "./wal-files.ts";

/** Groups [first, last] of one file that count; `scan` undefined: the file is absent. */
export type LiveRange = Readonly<{ scan: FileScan | undefined; incarnation: number; slot: number; first: number; last: number }>;

/** Groups behind the cut, and offsets that their batches took at most. */
export type TornTail = Readonly<{ groups: number; offsets: number }>;

/** What counts, in the order of group numbers. */
export type Cut = Readonly<{
  /** D: groups up to it were synced. */
  durable: number;
  /** The newest group that counts. */
  last: number;
  /** Ranges up to D, ascending. A number that its scan does not hold is damage. */
  ranges: readonly LiveRange[];
  /** Groups above D, ascending, each whole. */
  rescued: readonly Readonly<{ scan: FileScan; number: number }>[];
  /** What the cut leaves behind, as far as its headers can be read. */
  tail: TornTail;
  /** The first group behind the cut was written whole, but for a bit that has flipped since. */
  isFlipped: boolean;
  /** Incarnations whose groups all lie above D (they are rescued) or were freed. */
  emptied: readonly LiveRange[];
  /** Control entries and copies in groups that count. */
  noted: readonly Readonly<{ scan: FileScan; noted: NotedEntry }>[];
}>;

/** When nothing tells how many offsets lost groups can have held. */
export const OFFSETS_LOST_MAX = 2 ** 32;

/** Decides by group number what counts: D, the cut above it, and what free and start entries say. */
export async function cutLog(survey: Survey, files: WalFiles): Promise<Cut> {
  const durable = survey.scans.reduce((max, { scan }) => Math.max(max, scan.durableMax), 0);
  const limits = deadAbove(survey);
  const rescued = await wholeGroupsAbove(survey, files, durable, limits);
  const last = durable + rescued.length;
  const counting = rangesUpTo(survey, durable, last, limits);
  const rescuedFrom = new Map(rescued.map((one) => [one.number, one.scan]));
  const isLive = (scan: FileScan, number: number): boolean =>
    number > durable
      ? rescuedFrom.get(number) === scan
      : counting.some((range) => range.scan === scan && number >= range.first && number <= range.last);
  const noted: { scan: FileScan; noted: NotedEntry }[] = [];
  for (const { scan } of survey.scans) {
    for (const one of scan.noted) if (isLive(scan, one.group)) noted.push({ scan, noted: one });
  }
  const freed = freedIncarnations(noted.map((one) => one.noted));
  const ranges = counting.filter((range) => !freed.has(range.incarnation));
  const kept = ranges.map((range) => ({ ...range, last: Math.min(range.last, durable) }));
  return {
    durable,
    last,
    ranges: kept.filter((range) => range.last >= range.first).sort((a, b) => a.first - b.first),
    rescued,
    tail: tornTail(survey, last, limits),
    isFlipped: await isFlippedBehind(last, survey, files, limits),
    emptied: kept.filter((range) => range.last < range.first),
    noted: noted.filter(({ scan }) => !freed.has(scan.incarnation)),
  };
}

/** By run: its groups above this number are dead, since a later run started without them. */
function deadAbove(survey: Survey): (run: number) => number {
  const starts = new Map<number, number>();
  for (const { scan } of survey.scans) {
    if (scan.header !== undefined) starts.set(scan.header.run, scan.header.startDurable);
    else if (!starts.has(scan.run)) starts.set(scan.run, olderDurable(survey, scan.run));
  }
  for (const { scan } of survey.scans) {
    for (const { kind, entry } of scan.noted) {
      if (kind === EntryKind.start) starts.set(contentU64(entry, THIRD_AT), contentU64(entry, OFFSET_AT));
    }
  }
  return (run) => {
    let limit = Number.MAX_SAFE_INTEGER;
    for (const [later, durable] of starts) if (later > run) limit = Math.min(limit, durable);
    return limit;
  };
}

/** The D of a run that can say nothing itself: what older ones knew to be durable, or less. */
function olderDurable(survey: Survey, run: number): number {
  return survey.scans.reduce((max, { scan }) => (scan.run < run ? Math.max(max, scan.durableMax) : max), 0);
}

async function wholeGroupsAbove(
  survey: Survey,
  files: WalFiles,
  durable: number,
  limits: (run: number) => number,
): Promise<{ scan: FileScan; number: number }[]> {
  const newestFirst = survey.scans.map(({ scan }) => scan).sort((a, b) => b.run - a.run || b.incarnation - a.incarnation);
  const whole: { scan: FileScan; number: number }[] = [];
  for (let number = durable + 1; ; number++) {
    const scan = newestFirst.find((one) => one.groups.block(number) !== 0 && number <= limits(one.run));
    if (scan === undefined || !(await isGroupWhole(scan, number, files))) return whole;
    whole.push({ scan, number });
  }
}

/** Groups that were found above the last one that counts, though no later start had left them out already. */
function tornTail(survey: Survey, last: number, limits: (run: number) => number): TornTail {
  const numbers = new Set<number>();
  let before = 0;
  let behind = 0;
  for (const { scan } of survey.scans) {
    const { groups } = scan;
    before = Math.max(before, groups.offsets(last));
    for (let number = Math.max(groups.first, last + 1); number <= Math.min(groups.last, limits(scan.run)); number++) {
      if (groups.offsets(number) < 0) continue;
      numbers.add(number);
      behind = Math.max(behind, groups.offsets(number));
    }
  }
  return { groups: numbers.size, offsets: Math.max(0, behind - before) };
}

/** Wherever a group of that number can have been written by a run that counts. */
async function isFlippedBehind(last: number, survey: Survey, files: WalFiles, limits: (run: number) => number): Promise<boolean> {
  for (const { scan } of survey.scans) {
    if (scan.cleanEnd || last >= limits(scan.run)) continue;
    const position = await positionBehind(scan, last, files);
    if (position !== undefined && (await isFlipped({ scan, position, number: last + 1 }, files))) return true;
  }
  return false;
}

async function positionBehind(scan: FileScan, number: number, { walId, fileBytes }: WalFiles): Promise<number | undefined> {
  if (scan.groups.first > number) return scan.groups.first === number + 1 && scan.header !== undefined ? FIRST_GROUP_POSITION : undefined;
  if (scan.groups.block(number) === 0) return undefined;
  const position = positionIn(scan, number);
  const directory = await readDirectory(scan.file, position, walId, fileBytes);
  return directory && position + directory.header.bytes;
}

async function isGroupWhole(scan: FileScan, number: number, files: WalFiles): Promise<boolean> {
  const position = positionIn(scan, number);
  const directory = await readDirectory(scan.file, position, files.walId, files.fileBytes);
  if (directory === undefined) return false;
  for (let index = 0; index < directory.header.entryCount; index++) {
    const at = index * ENTRY_BYTES;
    const length = directory.view.getUint32(at + LENGTH_AT);
    if (length === 0 && directory.view.getUint8(at + KIND_AT) !== EntryKind.append) continue;
    const body = Buffer.allocUnsafe(length);
    if ((await readAgain(scan.file, position + directory.view.getUint32(at + POSITION_AT), body)) < length) return false;
    if (!isBodyRight(directory, at, body)) return false;
  }
  return true;
}

/** Whether a body is what the entry at `at` says. */
export function isBodyRight(directory: GroupDirectory, at: number, body: Buffer): boolean {
  if (directory.view.getUint8(at + KIND_AT) === EntryKind.append) return isBatchProven(body, directory.bytes, at);
  return crc32c(body) === directory.view.getUint32(at + BODY_CRC_AT);
}

/** What each needed file should hold. */
function rangesUpTo(survey: Survey, durable: number, last: number, limits: (run: number) => number): LiveRange[] {
  const ranges: LiveRange[] = survey.absent.map((file) => ({
    scan: undefined,
    incarnation: file.incarnation,
    slot: file.slot,
    first: file.firstGroup,
    last: file.lastGroup,
  }));
  const { scans } = survey;
  for (const [i, { scan, lastListed }] of scans.entries()) {
    const next = scans[i + 1];
    // The last group of a file that no list names is the one before the next file's first.
    const lastKnown = lastListed ?? (next === undefined ? Math.max(durable, last) : next.scan.groups.first - 1);
    const limit = Math.min(lastKnown, limits(scan.run), last);
    ranges.push({ scan, incarnation: scan.incarnation, slot: scan.file.slot, first: scan.groups.first, last: limit });
  }
  return ranges;
}

function freedIncarnations(noted: readonly NotedEntry[]): Set<number> {
  const freed = new Set<number>();
  for (const { kind, entry } of noted) if (kind === EntryKind.free) freed.add(contentU64(entry, OFFSET_AT));
  return freed;
}

function contentU64(entry: Buffer, at: number): number {
  return readU64(new DataView(entry.buffer, entry.byteOffset, entry.byteLength), at);
}

/** Offsets that the append entries of a group took; copies take none. */
export function offsetsTaken(directory: GroupDirectory): number {
  const { view } = directory;
  let offsets = 0;
  for (let at = 0; at < directory.bytes.byteLength; at += ENTRY_BYTES) {
    const isCopy = (view.getUint8(at + ENTRY_FLAGS_AT) & COPY_FLAG) !== 0;
    if (view.getUint8(at + KIND_AT) === EntryKind.append && !isCopy) offsets += view.getInt32(at + LAST_DELTA_AT) + 1;
  }
  return offsets;
}
