import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { assert } from "../base/assert.ts";
import { BlockTable } from "./block-table.ts";
import { corrupt, decoding, identityBytes, type ObjectIdentity, readIdentity, sameIdentity, writeIdentity } from "./identity-codec.ts";
import { BASE_BYTES_MAX, BATCH_BYTES_MAX, SECTION_INDEX_BYTES_MAX } from "./limits.ts";

/** Offsets [from, to). */
export type OffsetSpan = Readonly<{ from: number; to: number }>;
export type EpochStart = Readonly<{ leaderEpoch: number; startOffset: number }>;
/** `lastOffset` is the marker's. `lastStable`: last stable offset when the marker was written. */
export type AbortedTransaction = Readonly<{ producerId: number; firstOffset: number; lastOffset: number; lastStable: number }>;

/** Everything that is known of one section of an object; see docs/formats/object.md. */
export type SectionIndex = Readonly<{
  identity: ObjectIdentity;
  partitionId: number;
  startOffset: number;
  endOffset: number;
  lastStable: number;
  maxTimestampMs: number;
  leaderEpoch: number;
  baseBytes: number;
  baseCrc: number;
  blocks: BlockTable;
  epochs: readonly EpochStart[];
  aborted: readonly AbortedTransaction[];
  holes: readonly OffsetSpan[];
}>;

const MAGIC = 0x54445349;
const VERSION = 1;
const FIXED_BYTES = 8 + 8 * 5 + 4 * 7;
const BLOCK_BYTES = 32;
const EPOCH_BYTES = 12;
const ABORTED_BYTES = 32;
const HOLE_BYTES = 16;

export function sectionIndexBytes(index: SectionIndex): number {
  const lists = index.blocks.count * BLOCK_BYTES + index.epochs.length * EPOCH_BYTES;
  return FIXED_BYTES + identityBytes(index.identity) + lists + index.aborted.length * ABORTED_BYTES + index.holes.length * HOLE_BYTES;
}

export function encodeSectionIndex(index: SectionIndex): Uint8Array {
  const bytes = sectionIndexBytes(index);
  assert(bytes <= SECTION_INDEX_BYTES_MAX, `a section index of ${bytes} bytes is above the limit`);
  const writer = new ByteWriter(bytes);
  writer.uint32(MAGIC);
  writer.uint16(VERSION);
  writer.uint16(0);
  writeIdentity(writer, index.identity);
  for (const value of [index.partitionId, index.startOffset, index.endOffset, index.lastStable, index.maxTimestampMs]) writer.int64(value);
  writer.int32(index.leaderEpoch);
  for (const value of [index.baseBytes, index.baseCrc, index.blocks.count]) writer.uint32(value);
  for (const list of [index.epochs, index.aborted, index.holes]) writer.uint32(list.length);
  writeLists(writer, index);
  return writer.finish();
}

function writeLists(writer: ByteWriter, index: SectionIndex): void {
  for (let block = 0; block < index.blocks.count; block++) {
    writer.int64(index.blocks.firstOffset(block));
    writer.int64(index.blocks.endOffset(block));
    writer.int64(index.blocks.maxTimestampMs(block));
    writer.uint32(index.blocks.bytes(block));
    writer.uint32(index.blocks.crc(block));
  }
  for (const epoch of index.epochs) {
    writer.int32(epoch.leaderEpoch);
    writer.int64(epoch.startOffset);
  }
  for (const { producerId, firstOffset, lastOffset, lastStable } of index.aborted)
    for (const value of [producerId, firstOffset, lastOffset, lastStable]) writer.int64(value);
  for (const hole of index.holes) {
    writer.int64(hole.from);
    writer.int64(hole.to);
  }
}

/** What the object index says of the section; anything else in its place is refused. */
export type ExpectedSection = Readonly<{
  identity: ObjectIdentity;
  partitionId: number;
  startOffset: number;
  endOffset: number;
  dataBytes: number;
}>;

/** @throws QueueError CORRUPT_RECORD unless the bytes are exactly one section index and it is the expected one. */
export function decodeSectionIndex(bytes: Uint8Array, expected: ExpectedSection, where: string): SectionIndex {
  const index = decoding(where, () => readSectionIndex(new ByteReader(bytes)));
  const same =
    sameIdentity(index.identity, expected.identity) &&
    index.partitionId === expected.partitionId &&
    index.startOffset === expected.startOffset &&
    index.endOffset === expected.endOffset &&
    index.blocks.dataBytes === expected.dataBytes;
  if (!same) throw corrupt(where, "the section of another object, partition or range lies here (swapped)");
  return index;
}

function readSectionIndex(reader: ByteReader): SectionIndex {
  if (reader.uint32() !== MAGIC) throw reader.malformed("not a section index");
  const version = reader.uint16();
  if (version !== VERSION) throw reader.malformed(`unknown version ${version}`);
  if (reader.uint16() !== 0) throw reader.malformed("unknown flags");
  const identity = readIdentity(reader);
  const [partitionId, startOffset, endOffset, lastStable] = [reader.int64(), reader.int64(), reader.int64(), reader.int64()];
  const maxTimestampMs = reader.int64();
  const leaderEpoch = reader.int32();
  const [baseBytes, baseCrc, blockCount] = [reader.uint32(), reader.uint32(), reader.uint32()];
  const [epochCount, abortedCount, holeCount] = [reader.uint32(), reader.uint32(), reader.uint32()];
  const listBytes = blockCount * BLOCK_BYTES + epochCount * EPOCH_BYTES + abortedCount * ABORTED_BYTES + holeCount * HOLE_BYTES;
  if (listBytes !== reader.remaining) throw reader.malformed("the lists do not fill the index");
  if (startOffset < 0 || startOffset >= endOffset || lastStable < 0 || lastStable > endOffset)
    throw reader.malformed("offsets are impossible");
  if (partitionId < 0 || maxTimestampMs < -1 || baseBytes > BASE_BYTES_MAX) throw reader.malformed("a number outside its range");
  const span = { from: startOffset, to: endOffset };
  const blocks = readBlocks(reader, blockCount, span);
  const epochs = readEpochs(reader, epochCount, span);
  const aborted = Array.from({ length: abortedCount }, () => readAborted(reader));
  const holes = readHoles(reader, holeCount, span, blocks);
  return {
    identity,
    partitionId,
    startOffset,
    endOffset,
    lastStable,
    maxTimestampMs,
    leaderEpoch,
    baseBytes,
    baseCrc,
    blocks,
    epochs,
    aborted,
    holes,
  };
}

function readBlocks(reader: ByteReader, count: number, span: OffsetSpan): BlockTable {
  const blocks = new BlockTable(count);
  let end = span.from;
  for (let block = 0; block < count; block++) {
    const entry = {
      firstOffset: reader.int64(),
      endOffset: reader.int64(),
      maxTimestampMs: reader.int64(),
      bytes: reader.uint32(),
      crc: reader.uint32(),
    };
    if (entry.firstOffset < end || entry.endOffset <= entry.firstOffset || entry.endOffset > span.to)
      throw reader.malformed("blocks do not ascend inside the section");
    if (entry.bytes === 0 || entry.bytes > BATCH_BYTES_MAX || entry.maxTimestampMs < -1) throw reader.malformed("a block is impossible");
    blocks.set(block, entry);
    end = entry.endOffset;
  }
  return blocks;
}

function readEpochs(reader: ByteReader, count: number, span: OffsetSpan): readonly EpochStart[] {
  const epochs: EpochStart[] = [];
  let last: EpochStart = { leaderEpoch: -2, startOffset: span.from - 1 };
  for (let n = 0; n < count; n++) {
    const epoch = { leaderEpoch: reader.int32(), startOffset: reader.int64() };
    const ascends = epoch.leaderEpoch > last.leaderEpoch && epoch.startOffset > last.startOffset && epoch.startOffset < span.to;
    if (!ascends) throw reader.malformed("leader epochs do not ascend inside the section");
    epochs.push(epoch);
    last = epoch;
  }
  return epochs;
}

function readAborted(reader: ByteReader): AbortedTransaction {
  const entry = { producerId: reader.int64(), firstOffset: reader.int64(), lastOffset: reader.int64(), lastStable: reader.int64() };
  if (entry.firstOffset < 0 || entry.firstOffset > entry.lastOffset || entry.lastStable < 0)
    throw reader.malformed("an aborted transaction is impossible");
  return entry;
}

/** Holes ascend, do not touch each other, and hold no block. */
function readHoles(reader: ByteReader, count: number, span: OffsetSpan, blocks: BlockTable): readonly OffsetSpan[] {
  const holes: OffsetSpan[] = [];
  let end = span.from - 1;
  for (let n = 0; n < count; n++) {
    const hole = { from: reader.int64(), to: reader.int64() };
    if (hole.from <= end || hole.to <= hole.from || hole.to > span.to) throw reader.malformed("holes do not ascend inside the section");
    const next = blocks.find(hole.from);
    if (next < blocks.count && blocks.firstOffset(next) < hole.to) throw reader.malformed("a block lies in a hole");
    holes.push(hole);
    end = hole.to;
  }
  return holes;
}
