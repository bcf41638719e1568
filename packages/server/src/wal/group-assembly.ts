import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert, must } from "../base/assert.ts";
import {
  APPEND_TIME_AT,
  BASE_OFFSET_AT,
  BATCH_EPOCH_AT,
  BODY_CRC_AT,
  CHUNK_AT,
  CONTENT_AT,
  CONTENT_BYTES,
  COPY_FLAG,
  ENTRY_BYTES,
  ENTRY_FLAGS_AT,
  EntryKind,
  EPOCH_AT,
  encodeGroupHeader,
  GROUP_HEADER_BYTES,
  type GroupHeader,
  KIND_AT,
  LAST_DELTA_AT,
  LENGTH_AT,
  MARK_AT,
  NEXT_AT,
  NO_PARTITION,
  OFFSET_AT,
  ORIGIN_INDEX_AT,
  PARTITION_AT,
  POSITION_AT,
  SECOND_AT,
  THIRD_AT,
  writeU64,
} from "./group-codec.ts";
import { BLOCK_BYTES, GROUP_ENTRIES_MAX } from "./limits.ts";
import type { Slab, Slabs } from "./slabs.ts";
import type { WalFile } from "./wal-file.ts";
import type { WalFiles } from "./wal-files.ts";
import type { WalPartition } from "./wal-partition.ts";

const copyBytes = Buffer.prototype.copy;
const DIRECTORY_ALIGNMENT = 32;

/** One group between its first entry and the end of its write. Reused. */
export class Group {
  number = 0;
  file: WalFile | undefined;
  /** Position in the file. */
  start = 0;
  end = 0;
  /** Partitions with appends in it, and what was their end behind it. */
  readonly partitions: WalPartition[] = [];
  readonly ends: number[] = [];
  readonly truncations: number[] = [];
  entryCount = 0;
  directoryPosition = 0;
  directoryCrc = 0;
  /** Counter of offsets behind it. */
  offsets = 0;
  flags = 0;
  /** An idle mark: needs no sync of its own and no mark of its own. */
  isMark = false;
  /** Bytes that its entries count for in `pendingBytes`. */
  pendingBytes = 0;
}

/** What an entry that is no append says. */
export type ControlContent = Readonly<{
  offset?: number;
  second?: number;
  third?: number;
  crc?: number;
  chunk?: number;
  epoch?: number;
  flags?: number;
  /** Of a copy: where the original stood. */
  origin?: Readonly<{ number: number; index: number }>;
}>;

/**
 * The group that is being filled: bodies go to their final place in the slabs at once, the directory grows beside them
 * and follows when the group is sealed.
 */
export class GroupAssembly {
  /** Newest number given to a group. */
  newest = 0;
  /** Newest group known to be synced: what headers name. */
  synced = 0;
  /** Headers name no newer one: a run that has not finished its start must not look finished. */
  durableMax = 0;
  metadataIndex = 0;
  /** Offsets that append entries took so far. */
  offsets = 0;
  readonly #files: WalFiles;
  readonly #slabs: Slabs;
  readonly #groupBytesMax: number;
  readonly #entriesMax: number;
  readonly #directory: Buffer;
  readonly #directoryView: DataView;
  readonly #spare: Group[] = [];
  readonly #header: GroupHeader;
  #group: Group | undefined;
  #file: WalFile | undefined;
  #slab: Slab | undefined;
  /** Position in the file of the next body. */
  #cursor = 0;
  #entryCount = 0;

  constructor(files: WalFiles, slabs: Slabs, groupBytesMax: number) {
    this.#files = files;
    this.#slabs = slabs;
    this.#groupBytesMax = groupBytesMax;
    this.#entriesMax = Math.min(GROUP_ENTRIES_MAX, Math.floor(slabs.slabBytes / 2 / ENTRY_BYTES));
    this.#directory = Buffer.alloc(this.#entriesMax * ENTRY_BYTES);
    this.#directoryView = new DataView(this.#directory.buffer, this.#directory.byteOffset, this.#directory.byteLength);
    this.#header = {
      incarnation: 0,
      run: 0,
      number: 0,
      durableGroup: 0,
      metadataIndex: 0,
      offsets: 0,
      bytes: 0,
      entryCount: 0,
      directoryPosition: 0,
      directoryCrc: 0,
      block: 0,
      flags: 0,
    };
  }

  /** The file that groups go to; the caller seals before it changes it. */
  get file(): WalFile | undefined {
    return this.#file;
  }

  /** Bytes left in the current file. */
  get room(): number {
    if (this.#file === undefined) return 0;
    return this.#files.fileBytes - (this.#group === undefined ? this.#file.end : this.#cursor);
  }

  /** What a header written now names as durable. */
  get named(): number {
    return Math.min(this.synced, this.durableMax);
  }

  get isStarted(): boolean {
    return this.durableMax === Number.MAX_SAFE_INTEGER;
  }

  get open(): Group | undefined {
    return this.#group;
  }

  /** Whether one more entry with such a body fits into the open group, or into the rest of the file when none is open. */
  fits(bodyBytes: number): boolean {
    if (this.#file === undefined) return false;
    const open = this.#group !== undefined;
    const count = open ? this.#entryCount + 1 : 1;
    if (count > this.#entriesMax) return false;
    const start = this.#group === undefined ? this.#file.end : this.#group.start;
    const cursor = open ? this.#cursor : start + GROUP_HEADER_BYTES;
    // Twice the directory: it may have to move to the next slab as a whole.
    const end = cursor + bodyBytes + 2 * count * ENTRY_BYTES + BLOCK_BYTES;
    return end <= this.#files.fileBytes && (!open || end - start <= this.#groupBytesMax);
  }

  /** Groups go to this file from now on. */
  moveTo(file: WalFile): void {
    assert(this.#group === undefined, "a group lies in one file");
    this.#leaveSlab();
    this.#file = file;
  }

  /** Begins the group that the next entries go to. */
  begin(): Group {
    const file = this.#file as WalFile;
    this.newest += 1;
    const group = this.#spare.pop() ?? new Group();
    group.number = this.newest;
    group.file = file;
    group.start = file.end;
    group.isMark = false;
    this.#group = group;
    this.#entryCount = 0;
    this.#cursor = group.start;
    this.#slabAt(this.#cursor);
    this.#cursor += GROUP_HEADER_BYTES;
    return group;
  }

  /** Adds one batch; base offset and leader epoch are written into the stored copy. Returns the number of offsets it takes. */
  append(
    partition: WalPartition,
    bytes: Uint8Array,
    start: number,
    length: number,
    baseOffset: number,
    epoch: number,
    timeMs: number,
  ): number {
    const at = this.#entryCount * ENTRY_BYTES;
    const view = this.#directoryView;
    copyBytes.call(bytes, this.#directory, at + CONTENT_AT, start, start + CONTENT_BYTES);
    writeU64(view, at + BASE_OFFSET_AT, baseOffset);
    view.setInt32(at + BATCH_EPOCH_AT, epoch);
    this.#entry(partition, EntryKind.append, 0, length);
    writeU64(view, at + APPEND_TIME_AT, timeMs);
    writeU64(view, at + MARK_AT, partition.mark);
    view.setUint8(at + CONTENT_AT + CONTENT_BYTES, 0);
    view.setUint16(at + ORIGIN_INDEX_AT, 0);
    this.#place(this.#directory, at + CONTENT_AT, CONTENT_BYTES);
    this.#place(bytes, start + CONTENT_BYTES, length - CONTENT_BYTES);
    const count = view.getInt32(at + LAST_DELTA_AT) + 1;
    this.offsets += count;
    return count;
  }

  /** Adds a batch that is already in the log once more; `entry` is its directory entry there. */
  appendCopy(partition: WalPartition, entry: Uint8Array, body: Uint8Array, originNumber: number, originIndex: number): void {
    const at = this.#entryCount * ENTRY_BYTES;
    copyBytes.call(entry, this.#directory, at, 0, ENTRY_BYTES);
    this.#entry(partition, EntryKind.append, COPY_FLAG, body.byteLength);
    writeU64(this.#directoryView, at + MARK_AT, originNumber);
    this.#directoryView.setUint16(at + ORIGIN_INDEX_AT, originIndex);
    this.#place(body, 0, body.byteLength);
  }

  /** Adds an entry that is no batch. */
  control(
    partition: WalPartition | undefined,
    partitionId: number,
    kind: number,
    content: ControlContent,
    body: Uint8Array | undefined,
  ): number {
    const index = this.#entryCount;
    const at = index * ENTRY_BYTES;
    const view = this.#directoryView;
    this.#directory.fill(0, at, at + ENTRY_BYTES);
    const flags = (content.flags ?? 0) | (content.origin === undefined ? 0 : COPY_FLAG);
    this.#entry(partition, kind, flags, body?.byteLength ?? 0);
    view.setUint32(at + PARTITION_AT, partitionId);
    writeU64(view, at + MARK_AT, content.origin?.number ?? 0);
    writeU64(view, at + OFFSET_AT, content.offset ?? 0);
    writeU64(view, at + SECOND_AT, content.second ?? 0);
    writeU64(view, at + THIRD_AT, content.third ?? 0);
    view.setUint32(at + BODY_CRC_AT, content.crc ?? 0);
    view.setUint32(at + CHUNK_AT, content.chunk ?? 0);
    view.setInt32(at + EPOCH_AT, content.epoch ?? 0);
    view.setUint16(at + ORIGIN_INDEX_AT, content.origin?.index ?? 0);
    if (body !== undefined) this.#place(body, 0, body.byteLength);
    return index;
  }

  /** The fields that all entries share; counts it and links it to the partition's entry before. */
  #entry(partition: WalPartition | undefined, kind: number, flags: number, length: number): void {
    const view = this.#directoryView;
    const at = this.#entryCount * ENTRY_BYTES;
    const { number } = this.#group as Group;
    if (partition !== undefined) {
      if (partition.openGroup === number) view.setUint16(partition.openEntry * ENTRY_BYTES + NEXT_AT, this.#entryCount + 1);
      partition.openGroup = number;
      partition.openEntry = this.#entryCount;
    }
    view.setUint32(at + PARTITION_AT, partition?.id ?? NO_PARTITION);
    view.setUint8(at + KIND_AT, kind);
    view.setUint8(at + ENTRY_FLAGS_AT, flags);
    view.setUint16(at + NEXT_AT, 0);
    view.setUint32(at + POSITION_AT, length === 0 ? 0 : this.#cursor - (this.#group as Group).start);
    view.setUint32(at + LENGTH_AT, length);
    this.#entryCount += 1;
  }

  /** Copies bytes to the cursor, over as many slabs as it takes. */
  #place(bytes: Uint8Array, start: number, length: number): void {
    const { slabBytes } = this.#slabs;
    let from = start;
    const end = start + length;
    while (from < end) {
      const slab = this.#slabAt(this.#cursor);
      const at = this.#cursor % slabBytes;
      const part = Math.min(end - from, slabBytes - at);
      copyBytes.call(bytes, slab.buffer, at, from, from + part);
      from += part;
      this.#cursor += part;
    }
  }

  /** The slab of this file position, which the cursor may just have reached. */
  #slabAt(position: number): Slab {
    const key = Math.floor(this.#files.address(this.#file as WalFile, position) / this.#slabs.slabBytes);
    if (this.#slab?.key === key) return this.#slab;
    this.#leaveSlab();
    this.#slab = this.#slabs.take(key);
    return this.#slab;
  }

  #leaveSlab(): void {
    if (this.#slab !== undefined) this.#slabs.left(this.#slab, this.newest);
    this.#slab = undefined;
  }

  /** Closes the open group: directory and padding. Its header follows when it is written. */
  seal(flags: number): Group {
    const group = this.#group as Group;
    const directoryBytes = this.#entryCount * ENTRY_BYTES;
    const directoryAt = this.#zerosUpTo(this.#directoryStart(directoryBytes));
    this.#place(this.#directory, 0, directoryBytes);
    group.end = this.#zerosUpTo(alignUp(this.#cursor, BLOCK_BYTES));
    group.entryCount = this.#entryCount;
    group.directoryPosition = directoryAt - group.start;
    group.directoryCrc = crc32c(this.#directory.subarray(0, directoryBytes));
    group.offsets = this.offsets;
    group.flags = flags;
    (group.file as WalFile).end = group.end;
    (group.file as WalFile).lastGroup = group.number;
    this.#group = undefined;
    return group;
  }

  /** Writes the group's header into its slab, right before the group is written: it names the newest group synced by now. */
  encodeHeader(group: Group): void {
    const header = this.#header;
    const file = group.file as WalFile;
    header.incarnation = file.incarnation;
    header.run = file.run;
    header.number = group.number;
    header.durableGroup = this.named;
    header.metadataIndex = this.metadataIndex;
    header.offsets = group.offsets;
    header.bytes = group.end - group.start;
    header.entryCount = group.entryCount;
    header.directoryPosition = group.directoryPosition;
    header.directoryCrc = group.directoryCrc;
    header.block = group.start / BLOCK_BYTES;
    header.flags = group.flags;
    const slab = must(this.#slabs.at(this.#files.address(file, group.start)), "the slab of an unwritten group");
    encodeGroupHeader(slab.buffer, slab.view, group.start % this.#slabs.slabBytes, this.#files.walId, header);
  }

  /** Behind the bodies, but whole within one slab. */
  #directoryStart(directoryBytes: number): number {
    const { slabBytes } = this.#slabs;
    const at = alignUp(this.#cursor, DIRECTORY_ALIGNMENT);
    return (at % slabBytes) + directoryBytes <= slabBytes ? at : alignUp(at, slabBytes);
  }

  /** Writes zeros from the cursor up to `end`. */
  #zerosUpTo(end: number): number {
    const { slabBytes } = this.#slabs;
    while (this.#cursor < end) {
      const slab = this.#slabAt(this.#cursor);
      const at = this.#cursor % slabBytes;
      const part = Math.min(end - this.#cursor, slabBytes - at);
      slab.buffer.fill(0, at, at + part);
      this.#cursor += part;
    }
    return end;
  }

  /** The group is written: its record may be used again. */
  recycle(group: Group): void {
    group.partitions.length = 0;
    group.ends.length = 0;
    group.truncations.length = 0;
    group.file = undefined;
    group.pendingBytes = 0;
    this.#spare.push(group);
  }
}

function alignUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
