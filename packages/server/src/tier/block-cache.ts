import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { QueueError } from "../base/errors.ts";
import type { PieceSums } from "../io/object-store.ts";
import { objectKey } from "../model/object-id.ts";
import type { ObjectRange } from "../model/object-range.ts";
import { ReadMemory } from "../model/read-memory.ts";
import type { TurnShare } from "../quota/turn-share.ts";
import { BlockMemory } from "./block-memory.ts";
import type { BlockEntry } from "./block-table.ts";
import { CachedBlock } from "./cached-block.ts";
import { DamagedBlockError } from "./damaged-block.ts";
import { corrupt, type ObjectIdentity } from "./identity-codec.ts";
import { EXTENT_BYTES_MAX } from "./limits.ts";
import { ReadCache } from "./read-cache.ts";
import { decodeSectionIndex, type SectionIndex } from "./section-index-codec.ts";
import { readStore, type StoreReadParts } from "./store-read.ts";

/** Nothing leads to the blocks of a section any more: it is as good as gone. */
export class DamagedSectionError extends QueueError {
  override readonly name = "DamagedSectionError";
}

/** A section that can be read: where it lies, and its index. */
export type Section = Readonly<{ key: string; range: ObjectRange; index: SectionIndex; where: string }>;

/** Free memory that is kept for the next reads, beside what the cache holds. */
const FREE_MEMORY_RATIO = 1 / 4;

/** What a section index takes in memory: its objects and its place in the cache, and a multiple of its encoding (lists of small objects). */
const INDEX_MEMORY_BYTES = 1_280;
const INDEX_MEMORY_FACTOR = 2;

/** What a section index counts for in the cache; most have one block, and weigh many times their encoding. */
export function indexMemoryBytes(encodedBytes: number): number {
  return INDEX_MEMORY_BYTES + encodedBytes * INDEX_MEMORY_FACTOR;
}

/** Names object, partition and range in messages. */
export function placeOf(key: string, range: ObjectRange): string {
  return `object=${key} partition=${range.partitionId} range=[${range.startOffset}, ${range.endOffset})`;
}

/**
 * Data blocks of objects, checked, in bounded memory: the middle between log and object storage. A block enters with its
 * checksum verified once; what the store returns wrongly is read once more before it counts as damage.
 */
export class BlockCache {
  readonly #parts: StoreReadParts;
  readonly #clusterId: string;
  readonly #turns: TurnShare;
  readonly #blocks: ReadCache<CachedBlock>;
  readonly #memory: ReadMemory;
  readonly #indexes: ReadCache<SectionIndex>;

  /** @param turns What checks may take of a turn of the loop. */
  constructor(
    parts: StoreReadParts,
    clusterId: string,
    turns: TurnShare,
    limits: Readonly<{ blockBytesMax: number; indexBytesMax: number }>,
  ) {
    this.#parts = parts;
    this.#turns = turns;
    this.#clusterId = clusterId;
    this.#blocks = new ReadCache<CachedBlock>(limits.blockBytesMax, parts.metrics.blocks, (block) => block.memory?.evicted());
    this.#memory = new ReadMemory(limits.blockBytesMax * FREE_MEMORY_RATIO);
    this.#indexes = new ReadCache(limits.indexBytesMax, parts.metrics.indexes);
  }

  /** Blocks and indexes, what is being read included. */
  get bytes(): number {
    return this.#blocks.bytes + this.#indexes.bytes;
  }

  get readingBytes(): number {
    return this.#blocks.readingBytes + this.#indexes.readingBytes;
  }

  /** The section of a data range. @throws QueueError CORRUPT_RECORD, OBJECT_STORAGE_UNAVAILABLE. */
  section(range: ObjectRange): Section | Promise<Section> {
    const identity = this.#identity(range);
    const key = objectKey(this.#clusterId, identity.object, "records");
    const name = `${key}@${range.position}`;
    const where = placeOf(key, range);
    const bytes = indexMemoryBytes(range.indexBytes);
    const index = this.#indexes.getOrLoad(name, bytes, () => this.#readIndex(key, range, identity, where));
    if (index instanceof Promise) return index.then((arrived) => ({ key, range, index: arrived, where }));
    return { key, range, index, where };
  }

  /** One block, from memory or when it has arrived. @throws DamagedBlockError with what of it is proven; OBJECT_STORAGE_UNAVAILABLE. */
  block(section: Section, block: number): CachedBlock | Promise<CachedBlock> {
    const name = blockName(section, block);
    return this.#blocks.get(name) ?? (this.#load(section, block, block + 1, false)[0] as Promise<CachedBlock>);
  }

  /**
   * Begins to read those of the blocks [from, to) that are neither there nor on their way; neighbours in one read.
   * @param ahead Nobody waits for them yet.
   */
  want(section: Section, from: number, to: number, ahead: boolean): void {
    const { blocks } = section.index;
    for (let block = from; block < to; block++) {
      if (this.#blocks.has(blockName(section, block))) continue;
      let end = block + 1;
      while (
        end < to &&
        blocks.position(end + 1) - blocks.position(block) <= EXTENT_BYTES_MAX &&
        !this.#blocks.has(blockName(section, end))
      )
        end += 1;
      void this.#load(section, block, end, ahead);
      block = end - 1;
    }
  }

  /** Bytes of the blocks [from, to) that are neither there nor on their way. */
  missingBytes(section: Section, from: number, to: number): number {
    let bytes = 0;
    for (let block = from; block < to; block++)
      if (!this.#blocks.has(blockName(section, block))) bytes += section.index.blocks.bytes(block);
    return bytes;
  }

  /** The base of the range's end: the fold from which a replica without older data starts. Not kept. */
  async base(section: Section): Promise<Uint8Array> {
    const { key, range, index, where } = section;
    const start = range.position + range.dataBytes + range.indexBytes;
    for (let last = false; ; last = true) {
      const bytes = await readStore(this.#parts, key, start, start + index.baseBytes, where);
      if (crc32c(bytes) === index.baseCrc) return bytes;
      if (last) throw this.#corrupt(where, "checksum of the base");
    }
  }

  #load(section: Section, from: number, to: number, ahead: boolean): readonly Promise<CachedBlock>[] {
    const { blocks } = section.index;
    const names: string[] = [];
    for (let block = from; block < to; block++) names.push(blockName(section, block));
    const bytes = blocks.position(to) - blocks.position(from);
    if (ahead) this.#parts.metrics.readAheadBytes += bytes;
    return this.#blocks.load(names, bytes, ahead, () => this.#readBlocks(section, from, to));
  }

  async #readBlocks(section: Section, from: number, to: number): Promise<(CachedBlock | Error)[]> {
    const { blocks } = section.index;
    const taken = this.#memory.take(blocks.position(to) - blocks.position(from));
    const lengths = Array.from({ length: to - from }, (_, n) => blocks.bytes(from + n));
    const sums: PieceSums = { lengths, crcs: undefined };
    const extent = await this.#readExtent(section, from, to, taken.subarray(0, blocks.position(to) - blocks.position(from)), sums);
    // What a read that failed, or took a second try, may still write to is never used again.
    const memory = extent.buffer === taken.buffer ? new BlockMemory(taken, this.#memory, this.#parts.clock) : undefined;
    const results: (CachedBlock | Error)[] = [];
    for (let block = from; block < to; block++) {
      const start = blocks.position(block) - blocks.position(from);
      const bytes = extent.subarray(start, start + blocks.bytes(block));
      results.push(await this.#checked(section, block, bytes, memory, sums.crcs?.[block - from]));
    }
    return results;
  }

  #readExtent(section: Section, from: number, to: number, target?: Uint8Array, sums?: PieceSums): Promise<Uint8Array> {
    const { key, range, index, where } = section;
    const [start, end] = [range.position + index.blocks.position(from), range.position + index.blocks.position(to)];
    return readStore(this.#parts, key, start, end, where, target, sums);
  }

  /** The block, or the error that its readers get. A block that fails is read alone once more. */
  async #checked(
    section: Section,
    block: number,
    bytes: Uint8Array,
    memory: BlockMemory | undefined,
    crc: number | undefined,
  ): Promise<CachedBlock | Error> {
    const entry = section.index.blocks.entry(block);
    try {
      return await this.#inShare(() => CachedBlock.checked(bytes, entry, section.where, memory, crc));
    } catch {
      return this.#checkedAgain(section, block, entry);
    }
  }

  /** A walk over many batches takes time, and so does the checksum where the store has not computed it. */
  #inShare<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#turns.run(() => {
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async #checkedAgain(section: Section, block: number, entry: BlockEntry): Promise<CachedBlock | Error> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#readExtent(section, block, block + 1);
    } catch (error) {
      return error as Error;
    }
    try {
      return CachedBlock.checked(bytes, entry, section.where);
    } catch (error) {
      this.#parts.metrics.corruptions += 1;
      return new DamagedBlockError(bytes, entry, section.index.epochs, section.where, error);
    }
  }

  /** What the store has under an index's place is no index, however often it is read: bytes changed, or the object is shorter. */
  async #readIndex(key: string, range: ObjectRange, identity: ObjectIdentity, where: string): Promise<SectionIndex> {
    try {
      return await this.#readIndexTwice(key, range, identity, where);
    } catch (error) {
      if (!(error instanceof QueueError) || error.code !== "CORRUPT_RECORD") throw error;
      throw new DamagedSectionError("CORRUPT_RECORD", error.message, { cause: error });
    }
  }

  async #readIndexTwice(key: string, range: ObjectRange, identity: ObjectIdentity, where: string): Promise<SectionIndex> {
    const start = range.position + range.dataBytes;
    const { partitionId, startOffset, endOffset, dataBytes } = range;
    for (let last = false; ; last = true) {
      const bytes = await readStore(this.#parts, key, start, start + range.indexBytes, where);
      if (crc32c(bytes) === range.indexCrc)
        return decodeSectionIndex(bytes, { identity, partitionId, startOffset, endOffset, dataBytes }, where);
      if (last) throw this.#corrupt(where, "checksum of the section index");
    }
  }

  #corrupt(where: string, problem: string): Error {
    this.#parts.metrics.corruptions += 1;
    return corrupt(where, problem);
  }

  #identity(range: ObjectRange): ObjectIdentity {
    if (range.object === undefined) throw corrupt(`partition=${range.partitionId}`, "a range without an object has no section");
    return { clusterId: this.#clusterId, object: range.object };
  }
}

function blockName(section: Section, block: number): string {
  return `${section.key}@${section.range.position + section.index.blocks.position(block)}`;
}
