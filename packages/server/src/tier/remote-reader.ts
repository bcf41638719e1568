import * as batch from "@tidemq/protocol/record-batch.ts";
import { assert } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { sameObjectId } from "../model/object-id.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import type { RecordSlices } from "../model/record-slices.ts";
import { TurnShare } from "../quota/turn-share.ts";
import { BlockCache, DamagedSectionError, type Section } from "./block-cache.ts";
import { BlockHold, type BlockMemory } from "./block-memory.ts";
import { CachedBlock } from "./cached-block.ts";
import { DamageList } from "./damage-list.ts";
import { DamagedBlockError } from "./damaged-block.ts";
import { corrupt } from "./identity-codec.ts";
import { COLD_TURN_MS, EXTENT_BYTES_MIN, INDEX_CACHE_RATIO, READ_BYTES_MAX, SECTIONS_PER_READ_MAX } from "./limits.ts";
import { ManifestCache } from "./manifest-cache.ts";
import { isManifestPointer, type ObjectIndex } from "./object-index.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { OffsetSpan } from "./section-index-codec.ts";
import { ObjectMissingError, type StoreReadParts } from "./store-read.ts";

export type RemoteReaderParts = StoreReadParts &
  Readonly<{
    index: ObjectIndex;
    clusterId: string;
    /** What cold reads may take of a turn of the loop. Absent: a share of its own. */
    turns?: TurnShare;
  }>;

/** Answers of this kind end at the first trouble behind something good: it comes up again at the next read. */
type Gathered = { readonly pieces: Uint8Array[]; readonly used: BlockMemory[]; bytes: number; at: number };

/** The base of an object's range: the fold of everything below `endOffset`. */
export type RemoteBase = Readonly<{ endOffset: number; bytes: Uint8Array }>;

/**
 * Reads what is no longer in the log, by range requests through the block cache. Pieces are views of cached blocks, whose
 * memory the answer holds.
 */
export class RemoteReader {
  readonly #parts: RemoteReaderParts;
  readonly readAhead: ReadAhead;
  readonly #readBytesMax: number;
  readonly blocks: BlockCache;
  readonly manifests: ManifestCache;
  readonly damage = new DamageList();
  /** Ranges whose section as a whole cannot be read. */
  readonly #lostSections = new DamageList();

  readonly cacheBytesMax: number;

  /** @param cacheBytesMax Bound of everything that is kept or being read. */
  constructor(parts: RemoteReaderParts, cacheBytesMax: number) {
    this.#parts = parts;
    this.cacheBytesMax = cacheBytesMax;
    const indexBytesMax = cacheBytesMax * INDEX_CACHE_RATIO;
    const blockBytesMax = cacheBytesMax - 2 * indexBytesMax;
    const turns = parts.turns ?? new TurnShare(parts.clock, COLD_TURN_MS);
    this.blocks = new BlockCache(parts, parts.clusterId, turns, { blockBytesMax, indexBytesMax });
    this.manifests = new ManifestCache(parts, parts.clusterId, indexBytesMax);
    this.#readBytesMax = Math.min(READ_BYTES_MAX, blockBytesMax / 4);
    this.readAhead = new ReadAhead(parts.clock, blockBytesMax / 2);
  }

  /** What readers found damaged or missing in objects since the start, until a read there works again. */
  damagedSpans(partitionId: number): readonly OffsetSpan[] {
    return [...this.damage.of(partitionId), ...this.#lostSections.of(partitionId)];
  }

  /**
   * Whole batches from the one that contains `offset`, or the first above it, below `endOffset`, at most `bytesMax` (but
   * one at least, if `atLeastOne`). Fewer than there are is possible, none only when there is none, or none that fits.
   * Without pieces, `nextOffset` says where to go on: a batch that does not fit, or `endOffset`.
   *
   * @throws QueueError CORRUPT_RECORD naming the offsets; OBJECT_STORAGE_UNAVAILABLE, retriable.
   */
  async read(partitionId: number, offset: number, endOffset: number, bytesMax: number, atLeastOne: boolean): Promise<RecordSlices> {
    const gathered: Gathered = { pieces: [], used: [], bytes: 0, at: offset };
    const roomAtAll = Math.min(bytesMax, this.#readBytesMax);
    for (let sections = 0; sections < SECTIONS_PER_READ_MAX && gathered.at < endOffset; sections++) {
      const room = roomAtAll - gathered.bytes;
      if (gathered.bytes > 0 && room < batch.BATCH_HEADER_BYTES) break;
      try {
        const more = await this.#onSection(partitionId, gathered.at, endOffset, (section) =>
          this.#gather(gathered, section, endOffset, room, atLeastOne && gathered.bytes === 0),
        );
        if (more !== true) {
          if (more === undefined && gathered.bytes === 0) gathered.at = endOffset;
          break;
        }
      } catch (error) {
        if (gathered.bytes === 0 || !(error instanceof QueueError)) throw error;
        break;
      }
    }
    if (gathered.bytes > 0) this.#aheadOf(partitionId, offset, gathered.at, endOffset);
    const hold = gathered.used.length > 0 ? new BlockHold(gathered.used) : undefined;
    return { pieces: gathered.pieces, bytes: gathered.bytes, nextOffset: gathered.at, hold };
  }

  /**
   * The first batch of [offset, endOffset) with a record of this time or later; undefined when there is none here. Which
   * of its records it is, and whether that lies below `offset`, is for the caller to see.
   */
  async batchAtTimestamp(partitionId: number, timestampMs: number, offset: number, endOffset: number): Promise<Uint8Array | undefined> {
    let at = offset;
    while (at < endOffset) {
      const range = await this.#rangeWithTimestamp(partitionId, timestampMs, at, endOffset);
      if (range === undefined) return undefined;
      const found = await this.#unlessGivenUp(range, (section) => this.#batchAtTimestamp(section, timestampMs, at)).catch(unlessExpired);
      if (found !== undefined) return batch.baseOffset(found, 0) < endOffset ? found : undefined;
      at = range.endOffset;
    }
    return undefined;
  }

  /** The newest base that an object carries at or below `endOffset`; undefined when no object of the partition is left there. */
  async base(partitionId: number, endOffset: number): Promise<RemoteBase | undefined> {
    const ranges = this.#parts.index.unmerged(partitionId);
    const range = ranges.findLast((one) => one.kind === "data" && one.endOffset <= endOffset);
    if (range === undefined) return undefined;
    const bytes = await this.#inSection(partitionId, range, (section) => this.blocks.base(section));
    return { endOffset: range.endOffset, bytes };
  }

  /** Runs on the section that holds the offset, or the next one that was not given up. Undefined when there is none below `endOffset`. */
  async #onSection<T>(
    partitionId: number,
    offset: number,
    endOffset: number,
    run: (section: Section) => Promise<T>,
  ): Promise<T | undefined> {
    for (let at = offset; ; ) {
      const range = await this.#range(partitionId, at, endOffset);
      if (range === undefined) return undefined;
      const result = await this.#unlessGivenUp(range, run);
      if (result !== undefined) return result;
      at = range.endOffset;
    }
  }

  /** Runs on the section of the range; undefined when it cannot be read, or not to its end, and a person has given it up. */
  async #unlessGivenUp<T>(range: ObjectRange, run: (section: Section) => Promise<T>): Promise<T | undefined> {
    const { partitionId, startOffset, endOffset } = range;
    try {
      const result = await this.#inSection(partitionId, range, run);
      this.#lostSections.healed(partitionId, startOffset, endOffset);
      return result;
    } catch (error) {
      if (!(error instanceof ObjectMissingError) && !(error instanceof DamagedSectionError)) throw error;
      if (this.#parts.index.isLossAccepted(partitionId, startOffset, endOffset)) return undefined;
      this.#lostSections.note(partitionId, startOffset, endOffset);
      throw error;
    }
  }

  /** A range whose object is missing is looked up once more: it may have been replaced since. */
  async #inSection<T>(partitionId: number, range: ObjectRange, run: (section: Section) => Promise<T>): Promise<T> {
    try {
      return await run(await this.blocks.section(range));
    } catch (error) {
      if (!(error instanceof ObjectMissingError)) throw error;
      const { index, metrics } = this.#parts;
      const isExpired = index.logStartOf(partitionId) >= range.endOffset;
      const again = isExpired ? undefined : await this.#range(partitionId, range.startOffset, range.endOffset);
      if (again === undefined) throw new RangeExpiredError(range, { cause: error });
      metrics.objectsMissing += 1;
      if (sameSection(again, range)) throw error;
      return run(await this.blocks.section(again));
    }
  }

  /** The data range that holds the offset or the next one below `endOffset`. Passes over gaps; a hole is an error. */
  async #range(partitionId: number, offset: number, endOffset: number): Promise<ObjectRange | undefined> {
    for (let at = offset; at < endOffset; ) {
      const range = await this.#indexed(partitionId, at);
      if (range === undefined || range.startOffset >= endOffset) return undefined;
      if (range.kind === "data") return range;
      if (range.kind === "hole") this.#checkLoss(partitionId, range.startOffset, range.endOffset);
      at = range.endOffset;
    }
    return undefined;
  }

  async #indexed(partitionId: number, offset: number): Promise<ObjectRange | undefined> {
    const found = this.#parts.index.find(partitionId, offset);
    if (found === undefined || !isManifestPointer(found)) return found;
    return this.#inManifest(found, async (root) => {
      const range = await this.manifests.find(root, offset);
      assert(range !== undefined, "a manifest reaches as far as its pointer says");
      return range;
    });
  }

  /** A manifest that is missing may have been replaced since: the state is asked once more. */
  async #inManifest<T>(root: ManifestPointer, run: (root: ManifestPointer) => Promise<T>): Promise<T> {
    try {
      return await run(root);
    } catch (error) {
      if (!(error instanceof ObjectMissingError)) throw error;
      this.#parts.metrics.objectsMissing += 1;
      const now = this.#parts.index.manifestOf(root.partitionId);
      if (now === undefined || sameObjectId(now.object, root.object)) throw error;
      return run(now);
    }
  }

  #checkLoss(partitionId: number, from: number, to: number): void {
    if (this.#parts.index.isLossAccepted(partitionId, from, to)) return;
    this.damage.note(partitionId, from, to);
    throw corrupt(`partition=${partitionId} offsets=[${from}, ${to})`, "records were lost by damage before they were uploaded");
  }

  /** Whether the section was read to its end, so that the next one may follow. */
  async #gather(gathered: Gathered, section: Section, endOffset: number, room: number, atLeastOne: boolean): Promise<boolean> {
    const { blocks } = section.index;
    const first = blocks.find(gathered.at);
    this.blocks.want(section, first, blocksWithin(section, first, endOffset, room), false);
    let left = room;
    for (let number = first; number < blocks.count && blocks.firstOffset(number) < endOffset; number++) {
      if (!this.#mayPass(gathered, section, blocks.firstOffset(number))) return false;
      const present = this.#block(section, number);
      const block = present instanceof Promise ? await present : present;
      const taken =
        block instanceof CachedBlock
          ? take(gathered, block, endOffset, left, atLeastOne && gathered.bytes === 0)
          : this.#takeAround(gathered, section, block, endOffset, left, atLeastOne);
      left -= taken.bytes;
      if (!taken.all) return false;
    }
    if (!this.#mayPass(gathered, section, Math.min(endOffset, section.index.endOffset))) return false;
    gathered.at = Math.max(gathered.at, section.index.endOffset);
    return true;
  }

  /** What there is of a block; at once when it is in memory. */
  #block(section: Section, number: number): CachedBlock | Promise<CachedBlock | DamagedBlockError> {
    const present = this.blocks.block(section, number);
    if (!(present instanceof Promise)) return present;
    const { partitionId } = section.range;
    return present.then(
      (block) => {
        this.damage.healed(partitionId, block.firstOffset, block.endOffset);
        return block;
      },
      (error: unknown) => {
        if (!(error instanceof DamagedBlockError)) throw error;
        if (!this.#parts.index.isLossAccepted(partitionId, error.from, error.to)) this.damage.note(partitionId, error.from, error.to);
        return error;
      },
    );
  }

  /** What is proven of a damaged block. The rest is an error for who stands before it with nothing, unless its loss was accepted. */
  #takeAround(gathered: Gathered, section: Section, damaged: DamagedBlockError, endOffset: number, room: number, atLeastOne: boolean) {
    const { before, after, from, to } = damaged;
    const inFront =
      before === undefined || gathered.at >= from
        ? { bytes: 0, all: true }
        : take(gathered, before, Math.min(endOffset, from), room, atLeastOne && gathered.bytes === 0);
    if (!inFront.all || endOffset <= from) return { bytes: inFront.bytes, all: false };
    if (gathered.at < to) {
      if (!this.#parts.index.isLossAccepted(section.range.partitionId, from, to)) {
        if (gathered.bytes === 0) throw damaged;
        return { bytes: inFront.bytes, all: false };
      }
      gathered.at = to;
    }
    if (after === undefined) return inFront;
    const behind = take(gathered, after, endOffset, room - inFront.bytes, atLeastOne && gathered.bytes === 0);
    return { bytes: inFront.bytes + behind.bytes, all: behind.all };
  }

  /** Whether no lost record lies between what was gathered and `to`. A loss is an error only for who stands before it. */
  #mayPass(gathered: Gathered, section: Section, to: number): boolean {
    for (const hole of section.index.holes) {
      if (hole.to <= gathered.at || hole.from >= to) continue;
      if (gathered.bytes > 0 && !this.#parts.index.isLossAccepted(section.range.partitionId, hole.from, hole.to)) return false;
      this.#checkLoss(section.range.partitionId, hole.from, hole.to);
    }
    return true;
  }

  async #rangeWithTimestamp(partitionId: number, timestampMs: number, offset: number, endOffset: number): Promise<ObjectRange | undefined> {
    for (let at = offset; at < endOffset; ) {
      const found = this.#parts.index.find(partitionId, at);
      if (found === undefined || found.startOffset >= endOffset) return undefined;
      if (found.maxTimestampMs >= timestampMs) {
        if (!isManifestPointer(found)) return found;
        const range = await this.#inManifest(found, (root) => this.manifests.findTimestamp(root, timestampMs, at));
        if (range !== undefined) return range;
      }
      at = found.endOffset;
    }
    return undefined;
  }

  async #batchAtTimestamp(section: Section, timestampMs: number, offset: number): Promise<Uint8Array | undefined> {
    const { blocks } = section.index;
    for (let number = blocks.find(offset); number < blocks.count; number++) {
      if (blocks.maxTimestampMs(number) < timestampMs) continue;
      for (const block of this.#proven(section, await this.#block(section, number))) {
        const at = block.findTimestamp(block.find(offset), timestampMs);
        if (at < block.bytes.byteLength) return Buffer.from(block.bytes.subarray(at, at + batch.batchBytes(block.bytes, at)));
      }
    }
    return undefined;
  }

  /** Of a damaged block, what is left once its loss was accepted. */
  #proven({ range }: Section, block: CachedBlock | DamagedBlockError): readonly CachedBlock[] {
    if (block instanceof CachedBlock) return [block];
    if (!this.#parts.index.isLossAccepted(range.partitionId, block.from, block.to)) throw block;
    return [block.before, block.after].filter((part) => part !== undefined);
  }

  /** Behind a sequential reader, in the background. Trouble is left for the reader to find. */
  #aheadOf(partitionId: number, offset: number, nextOffset: number, endOffset: number): void {
    const stream = this.readAhead.after(partitionId, offset, nextOffset);
    if (stream === undefined) return;
    const reading = this.#readOn(partitionId, nextOffset, endOffset, stream.windowBytes).finally(() => stream.done());
    reading.catch((error: unknown) => {
      if (!(error instanceof QueueError)) throw error;
    });
  }

  async #readOn(partitionId: number, offset: number, endOffset: number, bytes: number): Promise<void> {
    let left = bytes;
    for (let at = offset; at < endOffset && left > 0; ) {
      const range = await this.#range(partitionId, at, endOffset);
      if (range === undefined) return;
      const section = await this.blocks.section(range);
      const first = section.index.blocks.find(at);
      const end = blocksWithin(section, first, endOffset, left);
      const atEnd = end === section.index.blocks.count;
      // Not in dribbles: wait until half of the window is used up, or the section ends.
      if (atEnd || this.blocks.missingBytes(section, first, end) >= Math.max(EXTENT_BYTES_MIN, bytes / 2)) {
        this.blocks.want(section, first, end, true);
      }
      if (!atEnd) return;
      left -= section.index.blocks.position(end) - section.index.blocks.position(Math.min(first, end));
      at = range.endOffset;
    }
  }
}

/** The log's start passed the range, or its topic was deleted, while it was being read, and its object is gone. */
class RangeExpiredError extends QueueError {
  override readonly name = "RangeExpiredError";

  constructor({ partitionId, startOffset, endOffset }: ObjectRange, options: ErrorOptions) {
    super("OFFSET_OUT_OF_RANGE", `offsets [${startOffset}, ${endOffset}) are no longer there. partition=${partitionId}`, options);
  }
}

function unlessExpired(error: unknown): undefined {
  if (!(error instanceof RangeExpiredError)) throw error;
}

/** The blocks from `first` on that bring at least so many bytes: number of the one behind. */
function blocksWithin(section: Section, first: number, endOffset: number, bytes: number): number {
  const { blocks } = section.index;
  let end = first;
  while (
    end < blocks.count &&
    blocks.firstOffset(end) < endOffset &&
    (end === first || blocks.position(end) - blocks.position(first) < bytes)
  )
    end += 1;
  return end;
}

/** Adds of a block what there is room for. `all`: the block's end was reached. */
function take(gathered: Gathered, block: CachedBlock, endOffset: number, room: number, atLeastOne: boolean) {
  const from = block.find(gathered.at);
  const to = block.limit(from, endOffset, room, atLeastOne);
  if (to > from) {
    gathered.pieces.push(block.bytes.subarray(from, to));
    block.memory?.retain();
    if (block.memory !== undefined) gathered.used.push(block.memory);
  }
  gathered.bytes += to - from;
  gathered.at = Math.max(gathered.at, block.offsetAt(to));
  return { bytes: to - from, all: to === block.bytes.byteLength };
}

function sameSection(a: ObjectRange, b: ObjectRange): boolean {
  return a.object !== undefined && a.object.random === b.object?.random && a.position === b.position;
}
