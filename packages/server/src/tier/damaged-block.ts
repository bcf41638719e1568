import * as batch from "@tidemq/protocol/record-batch.ts";
import { QueueError } from "../base/errors.ts";
import type { BlockEntry } from "./block-table.ts";
import { CachedBlock } from "./cached-block.ts";
import type { EpochStart } from "./section-index-codec.ts";

/**
 * A block that fails its checksum. What lies in front of and behind [from, to) is proven all the same: by the batches' own
 * checksums, and what those leave out by a chain from the block's first offset, or back from its end.
 */
export class DamagedBlockError extends QueueError {
  override readonly name = "DamagedBlockError";
  readonly from: number;
  readonly to: number;
  readonly before: CachedBlock | undefined;
  readonly after: CachedBlock | undefined;

  constructor(bytes: Uint8Array, entry: BlockEntry, epochs: readonly EpochStart[], where: string, cause: unknown) {
    const front = frontOf(bytes, entry, epochs);
    const back = backOf(bytes, entry, epochs, front);
    const place = `${where} offsets=[${front.offset}, ${back.offset})`;
    super("CORRUPT_RECORD", `corrupt object. ${place} problem=checksum of a data block`, { cause });
    this.from = front.offset;
    this.to = back.offset;
    this.before = partOf(bytes, 0, front.at, { ...entry, endOffset: front.offset }, place);
    this.after = partOf(bytes, back.at, bytes.byteLength, { ...entry, firstOffset: back.offset }, place);
  }
}

/** Between two batches: position in the block, and the offset there. */
type Seam = Readonly<{ at: number; offset: number }>;

function partOf(bytes: Uint8Array, from: number, to: number, entry: BlockEntry, where: string): CachedBlock | undefined {
  return from === to ? undefined : new CachedBlock(bytes.subarray(from, to), entry, where);
}

/** Where the proven batches from the block's beginning on end. */
function frontOf(bytes: Uint8Array, entry: BlockEntry, epochs: readonly EpochStart[]): Seam {
  let { at, offset }: Seam = { at: 0, offset: entry.firstOffset };
  while (isProven(bytes, at, epochs) && batch.baseOffset(bytes, at) === offset && batch.endOffset(bytes, at) <= entry.endOffset) {
    offset = batch.endOffset(bytes, at);
    at += batch.batchBytes(bytes, at);
  }
  return { at, offset };
}

/** Where the proven batches that reach to the block's end begin. */
function backOf(bytes: Uint8Array, entry: BlockEntry, epochs: readonly EpochStart[], front: Seam): Seam {
  let { at, offset }: Seam = { at: bytes.byteLength, offset: entry.endOffset };
  for (const start of startsBehind(bytes, front.at).reverse()) {
    if (start <= front.at || !isProven(bytes, start, epochs) || batch.endOffset(bytes, start) !== offset) break;
    if (batch.baseOffset(bytes, start) <= front.offset) break;
    offset = batch.baseOffset(bytes, start);
    at = start;
  }
  return { at, offset };
}

/** Where batches begin, from the damaged one on, if their lengths lead to the block's end; its own length may be what is wrong. */
function startsBehind(bytes: Uint8Array, damagedAt: number): number[] {
  for (let at = damagedAt; at + batch.BATCH_HEADER_BYTES <= bytes.byteLength; at++) {
    if (batch.magic(bytes, at) !== batch.MAGIC && at !== damagedAt) continue;
    const starts = chainFrom(bytes, at);
    if (starts.length > 0) return starts;
  }
  return [];
}

/** Empty when the lengths do not lead to the end. */
function chainFrom(bytes: Uint8Array, from: number): number[] {
  const starts: number[] = [];
  for (let at = from; at < bytes.byteLength; ) {
    const size = batch.wholeBatchBytes(bytes, at, bytes.byteLength);
    if (size === 0) return [];
    starts.push(at);
    at += size;
  }
  return starts;
}

/** By its own checksum; that leaves out offsets, which a chain proves, and the leader epoch, which the section's index knows. */
function isProven(bytes: Uint8Array, at: number, epochs: readonly EpochStart[]): boolean {
  if (batch.wholeBatchBytes(bytes, at, bytes.byteLength) === 0 || batch.magic(bytes, at) !== batch.MAGIC) return false;
  const offset = batch.baseOffset(bytes, at);
  const epoch = epochs.findLast(({ startOffset }) => startOffset <= offset);
  return epoch?.leaderEpoch === batch.leaderEpoch(bytes, at) && batch.isBatchCrcRight(bytes, at);
}
