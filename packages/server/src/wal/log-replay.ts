import type { ControlEntries } from "./control-entries.ts";
import type { FileScan, NotedEntry } from "./file-scan.ts";
import {
  COPY_FLAG,
  ENTRY_BYTES,
  ENTRY_FLAGS_AT,
  EntryKind,
  EPOCH_AT,
  KIND_AT,
  MARK_AT,
  OFFSET_AT,
  ORIGIN_INDEX_AT,
  PARTITION_AT,
  readU64,
  SECOND_AT,
  THIRD_AT,
} from "./group-codec.ts";
import { BLOCK_BYTES } from "./limits.ts";
import type { PartitionReplay } from "./partition-replay.ts";
import { type Cut, OFFSETS_LOST_MAX, offsetsTaken } from "./recovery-cut.ts";
import type { RecoveryDirectories } from "./recovery-directories.ts";

/** Where the replay finds a group: its file's scan, its number, and the address that it will have from now on. */
type PlacedGroup = Readonly<{ scan: FileScan; number: number; address: number }>;

type PlacedCopy = Readonly<{
  scan: FileScan;
  group: number;
  address: number;
  index: number;
  number: number;
  originIndex: number;
  entry: DataView;
}>;

/** A lost range of group numbers. */
export type LostGroups = Readonly<{ first: number; last: number; offsets: number; file: string }>;

/**
 * Replays everything that counts, in the order of (group number, index); copies stand where their originals stood and are
 * left out when those are still there.
 */
export class LogReplay {
  readonly lost: LostGroups[] = [];
  /** Offsets that all lost groups can have held. */
  loss = 0;
  readonly #cut: Cut;
  readonly #directories: RecoveryDirectories;
  readonly #partitionOf: (id: number) => PartitionReplay | undefined;
  readonly #addressOf: (scan: FileScan, number: number) => number;
  readonly #copies: PlacedCopy[] = [];
  readonly #rescued: ReadonlySet<number>;
  #nextCopy = 0;
  /** Offsets counter behind the last group that was there. */
  #offsets = 0;
  #missing: { first: number; last: number; known: number; file: string } | undefined;

  /**
   * @param addressOf Where a group lies from now on (rescued ones have moved).
   * @param partitionOf Undefined for a partition that is not hosted here.
   */
  constructor(
    cut: Cut,
    directories: RecoveryDirectories,
    addressOf: (scan: FileScan, number: number) => number,
    partitionOf: (id: number) => PartitionReplay | undefined,
  ) {
    this.#cut = cut;
    this.#directories = directories;
    this.#addressOf = addressOf;
    this.#partitionOf = partitionOf;
    this.#rescued = new Set(cut.rescued.map((one) => one.number));
  }

  async run(controls: ControlEntries): Promise<void> {
    this.#noteControls(controls);
    this.#sortCopies();
    for (const range of this.#cut.ranges) {
      const { scan } = range;
      if (scan?.header !== undefined) {
        this.#endMissing(scan.header.offsetsBefore);
        this.#offsets = Math.max(this.#offsets, scan.header.offsetsBefore);
      }
      for (let number = range.first; number <= range.last; number++) {
        if (scan === undefined || scan.groups.block(number) === 0) this.#isMissing(number, scan, range.slot);
        else await this.#group({ scan, number, address: this.#addressOf(scan, number) });
      }
    }
    for (const { scan, number } of this.#cut.rescued) await this.#group({ scan, number, address: this.#addressOf(scan, number) });
    this.#copiesUpTo(Number.MAX_SAFE_INTEGER);
    if (this.#missing !== undefined) this.#endMissing(this.#headerBehind(this.#missing.last));
  }

  /** Control entries of groups that count, for later emptying of files; copies, for the replay. */
  #noteControls(controls: ControlEntries): void {
    for (const { scan, noted } of this.#cut.noted) {
      const address = this.#addressOf(scan, noted.group);
      if (noted.isCopy) this.#noteCopy(scan, noted, address);
      if (noted.kind !== EntryKind.append) controls.add(controlOf(noted, address));
    }
  }

  #noteCopy(scan: FileScan, noted: NotedEntry, address: number): void {
    const entry = viewOf(noted.entry);
    const number = readU64(entry, MARK_AT);
    const originIndex = entry.getUint16(ORIGIN_INDEX_AT);
    if (!this.#isThere(number)) this.#copies.push({ scan, group: noted.group, address, index: noted.index, number, originIndex, entry });
  }

  /** Whether the original's group is in a file that counts. */
  #isThere(number: number): boolean {
    const isIn = this.#cut.ranges.some(
      (range) => number >= range.first && number <= range.last && range.scan !== undefined && range.scan.groups.block(number) !== 0,
    );
    return isIn || this.#rescued.has(number);
  }

  /** In the order of originals; of several copies of one, the first. */
  #sortCopies(): void {
    this.#copies.sort((a, b) => a.number - b.number || a.originIndex - b.originIndex || a.group - b.group || a.index - b.index);
    const kept = this.#copies.filter((copy, i) => {
      const before = this.#copies[i - 1];
      return before === undefined || before.number !== copy.number || before.originIndex !== copy.originIndex;
    });
    this.#copies.splice(0, this.#copies.length, ...kept);
  }

  #copiesUpTo(number: number): void {
    for (; this.#nextCopy < this.#copies.length; this.#nextCopy++) {
      const copy = this.#copies[this.#nextCopy] as PlacedCopy;
      if (copy.number > number) return;
      const partition = this.#partitionOf(copy.entry.getUint32(PARTITION_AT));
      partition?.entry(copy.entry, 0, copy.address, copy.group, copy.index, this.loss);
    }
  }

  async #group(group: PlacedGroup): Promise<void> {
    const { scan, number } = group;
    this.#copiesUpTo(number - 1);
    const position = scan.groups.block(number) * BLOCK_BYTES;
    const directory = await this.#directories.get(scan.file, scan.incarnation, position);
    if (directory === undefined) return this.#isMissing(number, scan, scan.file.slot);
    if (this.#missing !== undefined) this.#endMissing(directory.header.offsets - offsetsTaken(directory));
    const { view } = directory;
    for (let index = 0; index < directory.header.entryCount; index++) {
      const at = index * ENTRY_BYTES;
      const partition = this.#partitionOf(view.getUint32(at + PARTITION_AT));
      if ((view.getUint8(at + ENTRY_FLAGS_AT) & COPY_FLAG) !== 0) partition?.copyBetween();
      else partition?.entry(view, at, group.address, number, index, this.loss);
    }
    this.#offsets = directory.header.offsets;
  }

  #isMissing(number: number, scan: FileScan | undefined, slot: number): void {
    this.#copiesUpTo(number);
    this.#missing ??= { first: number, last: number, known: -1, file: `slot ${slot}` };
    this.#missing.last = number;
    this.#missing.known = scan?.groups.offsets(number) ?? -1;
  }

  /** @param offsetsBehind The offsets counter behind the missing groups, as the next group tells; −1: nobody knows. */
  #endMissing(offsetsBehind: number): void {
    const missing = this.#missing;
    if (missing === undefined) return;
    this.#missing = undefined;
    const end = missing.known >= 0 ? missing.known : offsetsBehind;
    const offsets = end < 0 ? OFFSETS_LOST_MAX : Math.max(0, end - this.#offsets);
    this.loss += offsets;
    this.lost.push({ first: missing.first, last: missing.last, offsets, file: missing.file });
  }

  /** Any header above this number, counting or not, bounds what the groups below it can have held. */
  #headerBehind(number: number): number {
    let bound = -1;
    for (const { scan } of this.#cut.ranges) {
      if (scan === undefined || scan.groups.last <= number) continue;
      for (let next = number + 1; next <= scan.groups.last && bound < 0; next++) bound = scan.groups.offsets(next);
    }
    return bound;
  }
}

function controlOf(noted: NotedEntry, address: number) {
  const entry = viewOf(noted.entry);
  const order = noted.isCopy
    ? { number: readU64(entry, MARK_AT), index: entry.getUint16(ORIGIN_INDEX_AT) }
    : { number: noted.group, index: noted.index };
  return {
    kind: entry.getUint8(KIND_AT),
    partition: entry.getUint32(PARTITION_AT),
    group: address,
    order,
    offset: readU64(entry, OFFSET_AT),
    second: readU64(entry, SECOND_AT),
    third: readU64(entry, THIRD_AT),
    epoch: entry.getInt32(EPOCH_AT),
  };
}

function viewOf(entry: Buffer): DataView {
  return new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
}
