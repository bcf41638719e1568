import { Buffer } from "node:buffer";
import { type Clock, nextTurn } from "../io/clock.ts";
import type { ObjectRange } from "../model/object-range.ts";
import type { Hold, RecordSlices } from "../model/record-slices.ts";
import { UPLOAD_READ_BYTES_MAX, UPLOAD_READ_BYTES_MIN, UPLOAD_READ_OFFSETS } from "./limits.ts";
import { emptyRange, type SectionDraft } from "./object-builder.ts";
import { SectionBuilder } from "./section-builder.ts";
import type { OffsetSpan } from "./section-index-codec.ts";
import type { UploadSource } from "./upload-source.ts";

/** What one partition contributes: a section, or a range without an object; `release` when its bytes are no longer used. */
export type SourceRead = Readonly<{ draft: SectionDraft | undefined; empty: ObjectRange | undefined; release: () => void }>;

/**
 * Reads [uploadedEnd, highWatermark) of one partition from the log, about `bytesMax` of it, and cuts it into blocks. A hole
 * ends the range and becomes one of its own, so that the cluster's state knows of every one. Rejects with CORRUPT_RECORD for damage
 * that the source has not named, and then holds nothing.
 */
export async function readSource(source: UploadSource, bytesMax: number, clock: Clock): Promise<SourceRead> {
  const reading = new SourceReading(source, bytesMax, clock);
  try {
    return await reading.run();
  } catch (error) {
    reading.release();
    throw error;
  }
}

class SourceReading {
  readonly #source: UploadSource;
  readonly #bytesMax: number;
  readonly #clock: Clock;
  readonly #holds: Hold[] = [];
  readonly #start: number;
  readonly #end: number;
  readonly #leaderEpoch: number;

  constructor(source: UploadSource, bytesMax: number, clock: Clock) {
    this.#source = source;
    this.#bytesMax = bytesMax;
    this.#clock = clock;
    this.#start = source.uploadedEnd;
    this.#end = source.highWatermark;
    this.#leaderEpoch = source.leaderEpoch;
  }

  async run(): Promise<SourceRead> {
    const hole = clip(this.#source.holes(), this.#start, this.#end)[0];
    if (hole !== undefined && hole.from === this.#start) return this.#empty("hole", hole.to);
    const end = hole?.from ?? this.#end;
    const builder = new SectionBuilder(this.#source.partitionId, this.#start);
    const full = await this.#readSpan(builder, this.#start, end);
    if (full) return this.#section(builder, builder.endOffset);
    // Everything was read: what follows the last batch is a gap and belongs to the range.
    return builder.dataBytes > 0 ? this.#section(builder, end) : this.#empty("gap", end);
  }

  release(): void {
    for (const hold of this.#holds) hold.release();
    this.#holds.length = 0;
  }

  /** Whether the share is used up before `to`. */
  async #readSpan(builder: SectionBuilder, from: number, to: number): Promise<boolean> {
    let at = from;
    while (at < to) {
      if (builder.dataBytes >= this.#bytesMax) return true;
      const room = Math.min(this.#readBytes(builder), this.#bytesMax - builder.dataBytes);
      const slices = await this.#source.readForUpload(at, to, room);
      if (slices.pieces.length === 0) return false;
      this.#take(builder, slices);
      at = builder.endOffset;
      await this.#yield();
    }
    return false;
  }

  /** A batch has one offset at least: so many offsets are so many batches at most. */
  #readBytes(builder: SectionBuilder): number {
    const offsets = builder.endOffset - this.#start;
    if (offsets === 0) return UPLOAD_READ_BYTES_MIN;
    const bytes = (builder.dataBytes / offsets) * UPLOAD_READ_OFFSETS;
    return Math.max(UPLOAD_READ_BYTES_MIN, Math.min(UPLOAD_READ_BYTES_MAX, bytes));
  }

  #take(builder: SectionBuilder, slices: RecordSlices): void {
    if (slices.hold !== undefined) this.#holds.push(slices.hold);
    for (const piece of slices.pieces) builder.add(piece.buffer instanceof SharedArrayBuffer ? piece : shared(piece));
  }

  /** Gives the loop back: reads from memory do not, and checksums take time. */
  async #yield(): Promise<void> {
    await nextTurn(this.#clock);
  }

  #empty(kind: "hole" | "gap", to: number): SourceRead {
    this.release();
    const empty = emptyRange(kind, this.#source.partitionId, { from: this.#start, to }, this.#leaderEpoch);
    return { draft: undefined, empty, release: () => {} };
  }

  async #section(builder: SectionBuilder, endOffset: number): Promise<SourceRead> {
    const source = this.#source;
    const base = await source.baseAt(endOffset);
    const draft: SectionDraft = {
      data: builder.finish(),
      startOffset: this.#start,
      endOffset,
      leaderEpoch: this.#leaderEpoch,
      lastStable: source.lastStableAt(endOffset),
      aborted: source.abortedBetween(this.#start, endOffset),
      holes: [],
      base,
    };
    return { draft, empty: undefined, release: () => this.release() };
  }
}

/** A copy that another thread can see: the store would have to copy the whole object at once, this is one read. */
function shared(piece: Uint8Array): Uint8Array {
  const copy = Buffer.from(new SharedArrayBuffer(piece.byteLength));
  Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).copy(copy);
  return copy;
}

/** The parts of ascending spans inside [from, to); those that touch become one. */
function clip(spans: readonly OffsetSpan[], from: number, to: number): readonly OffsetSpan[] {
  const inside: OffsetSpan[] = [];
  for (const span of spans) {
    const part = { from: Math.max(span.from, from), to: Math.min(span.to, to) };
    if (part.from >= part.to) continue;
    const last = inside.at(-1);
    if (last !== undefined && part.from <= last.to) inside[inside.length - 1] = { from: last.from, to: Math.max(last.to, part.to) };
    else inside.push(part);
  }
  return inside;
}
