import { assert } from "../base/assert.ts";
import type { ReadMemory } from "../model/read-memory.ts";
import type { RecordSlices } from "../model/record-slices.ts";
import {
  APPEND_TIME_AT,
  BASE_OFFSET_AT,
  CONTENT_AT,
  CONTENT_BYTES,
  directoryPositionOf,
  ENTRY_BYTES,
  EntryKind,
  KIND_AT,
  LAST_DELTA_AT,
  LENGTH_AT,
  NEXT_AT,
  POSITION_AT,
  readU64,
} from "./group-codec.ts";
import { COPY_BYTES_MAX, PIECE_BYTES_MIN } from "./limits.ts";
import { type Slab, SlabHold, type Slabs } from "./slabs.ts";
import type { HeaderVisitor, WalPartition } from "./wal-partition.ts";

/**
 * Reads batches whose groups are in slabs. Their bytes were checked when they were appended, so nothing is hashed
 * again. One reused object: a read is a synchronous walk.
 */
export class HotReader {
  readonly #slabs: Slabs;
  readonly #memory: ReadMemory;
  /** Pieces: slab, and from where to where in it. */
  readonly #pieceSlabs: Slab[] = [];
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  #bytes = 0;
  #nextOffset = 0;
  /** The slab used last, and the address of its first byte: neighbours mostly lie in one. */
  #near: Slab | undefined;
  #nearAt = 0;

  constructor(slabs: Slabs, memory: ReadMemory) {
    this.#slabs = slabs;
    this.#memory = memory;
  }

  /** Undefined when the batch that holds `offset` is not in memory. `copies`: small results are copied and hold nothing. */
  read(
    p: WalPartition,
    offset: number,
    endOffset: number,
    bytesMax: number,
    atLeastOne: boolean,
    copies: boolean,
  ): RecordSlices | undefined {
    this.#reset(offset);
    const last = p.index.length;
    // Groups at or above the end may still be open: what their slabs hold is no directory yet.
    for (let i = Math.max(0, p.index.floor(offset)); i < last && p.index.offset(i) < endOffset; i++) {
      const state = this.#collectRun(p, i, offset, endOffset, bytesMax, atLeastOne);
      if (state === "end") break;
      if (state === "cold") {
        if (this.#bytes > 0) break;
        return undefined;
      }
      assert(this.#nextOffset >= Math.min(p.index.runEnd(i, p.logEnd), endOffset), "batches of a run follow one another");
    }
    return this.#result(copies);
  }

  #reset(offset: number): void {
    this.#pieceSlabs.length = 0;
    this.#from.length = 0;
    this.#to.length = 0;
    this.#bytes = 0;
    this.#nextOffset = offset;
    this.#near = undefined; // it may have been reused since
  }

  #collectRun(
    p: WalPartition,
    i: number,
    offset: number,
    endOffset: number,
    bytesMax: number,
    atLeastOne: boolean,
  ): "more" | "end" | "cold" {
    const { index } = p;
    const group = index.group(i);
    const directory = this.#directoryAt(group);
    if (directory === undefined) return "cold";
    const runEnd = index.runEnd(i, p.logEnd);
    const { view } = directory;
    const first = this.#directoryFrom;
    let entry = index.entry(i) + 1;
    let expected = index.offset(i);
    while (entry !== 0) {
      const at = first + (entry - 1) * ENTRY_BYTES;
      const base = readU64(view, at + BASE_OFFSET_AT);
      if (view.getUint8(at + KIND_AT) !== EntryKind.append || base !== expected || base >= runEnd) return "more";
      const end = base + view.getInt32(at + LAST_DELTA_AT) + 1;
      expected = end;
      entry = view.getUint16(at + NEXT_AT);
      if (end <= offset) continue;
      const length = view.getUint32(at + LENGTH_AT);
      if (end > endOffset || (this.#bytes + length > bytesMax && (this.#bytes > 0 || !atLeastOne))) return "end";
      if (!this.#add(group + view.getUint32(at + POSITION_AT), length)) return "cold";
      this.#nextOffset = end;
    }
    return "more";
  }

  /** Where in its slab the directory begins that `#directoryAt` found last. */
  #directoryFrom = 0;

  #directoryAt(group: number): Slab | undefined {
    const { slabBytes } = this.#slabs;
    const head = this.#slabs.at(group);
    if (head === undefined) return undefined;
    const address = group + directoryPositionOf(head.view, group % slabBytes);
    this.#directoryFrom = address % slabBytes;
    return this.#slabs.at(address);
  }

  /** Adds the bytes of one batch; false when a part of them is in no slab. */
  #add(address: number, length: number): boolean {
    const { slabBytes } = this.#slabs;
    const end = address + length;
    if (this.#near === undefined || address < this.#nearAt || end > this.#nearAt + slabBytes) return this.#addAcross(address, length);
    this.#addPart(this.#near, address - this.#nearAt, length);
    this.#bytes += length;
    return true;
  }

  #addAcross(address: number, length: number): boolean {
    const { slabBytes } = this.#slabs;
    const end = address + length;
    for (let at = address; at < end; at = nextSlab(at, slabBytes)) if (this.#slabs.at(at) === undefined) return false;
    for (let at = address; at < end; at = nextSlab(at, slabBytes)) {
      const slab = this.#slabs.at(at) as Slab;
      this.#near = slab;
      this.#nearAt = at - (at % slabBytes);
      this.#addPart(slab, at - this.#nearAt, Math.min(end, this.#nearAt + slabBytes) - at);
    }
    this.#bytes += length;
    return true;
  }

  #addPart(slab: Slab, from: number, length: number): void {
    const last = this.#pieceSlabs.length - 1;
    if (last >= 0 && this.#pieceSlabs[last] === slab && this.#to[last] === from) {
      this.#to[last] = from + length;
      return;
    }
    this.#pieceSlabs.push(slab);
    this.#from.push(from);
    this.#to.push(from + length);
  }

  /** Many small pieces are cheaper to copy than to show and to send one by one. */
  #result(copies: boolean): RecordSlices {
    const result = this.#resultOf(copies);
    this.#reset(0); // keeps nothing alive
    return result;
  }

  #resultOf(copies: boolean): RecordSlices {
    const bytes = this.#bytes;
    const nextOffset = this.#nextOffset;
    if (bytes === 0) return { pieces: [], bytes, nextOffset, hold: undefined };
    if (copies && bytes < COPY_BYTES_MAX)
      return { pieces: [this.#copiedTo(Buffer.allocUnsafe(bytes))], bytes, nextOffset, hold: undefined };
    if (bytes >= this.#pieceSlabs.length * PIECE_BYTES_MIN)
      return { pieces: this.#views(), bytes, nextOffset, hold: new SlabHold(distinct(this.#pieceSlabs)) };
    const memory = this.#memory.take(bytes);
    return { pieces: [this.#copiedTo(memory)], bytes, nextOffset, hold: this.#memory.hold([memory]) };
  }

  #views(): Uint8Array[] {
    return this.#pieceSlabs.map((slab, i) => slab.buffer.subarray(this.#from[i], this.#to[i]));
  }

  #copiedTo(memory: Buffer): Uint8Array {
    let at = 0;
    for (let i = 0; i < this.#pieceSlabs.length; i++) {
      at += (this.#pieceSlabs[i] as Slab).buffer.copy(memory, at, this.#from[i], this.#to[i]);
    }
    return memory.subarray(0, at);
  }

  /**
   * Visits headers from the run that holds `from` on, as long as their groups are in memory.
   * Returns the offset up to which everything was visited; `to` or more: done, −1: the visitor wants no more.
   */
  scan(p: WalPartition, from: number, to: number, visit: HeaderVisitor): number {
    let next = from;
    for (let i = Math.max(0, p.index.floor(from)); i < p.index.length && next < to; i++) {
      const group = p.index.group(i);
      const slab = this.#directoryAt(group);
      if (slab === undefined) return next;
      next = visitRun(slab.buffer, slab.view, this.#directoryFrom, group, p, i, next, to, visit);
      if (next === -1) return -1;
    }
    return to;
  }
}

/**
 * Visits the batches of index entry `i` that overlap [from, to); returns where they end, or −1 when told to stop. What is known
 * to be lost is passed over.
 */
export function visitRun(
  bytes: Buffer,
  view: DataView,
  directoryAt: number,
  group: number,
  p: WalPartition,
  i: number,
  from: number,
  to: number,
  visit: HeaderVisitor,
): number {
  const runEnd = p.index.runEnd(i, p.logEnd);
  let expected = p.index.offset(i);
  let next = from;
  let entry = p.index.entry(i) + 1;
  while (entry !== 0 && next < to) {
    const at = directoryAt + (entry - 1) * ENTRY_BYTES;
    const base = readU64(view, at + BASE_OFFSET_AT);
    if (view.getUint8(at + KIND_AT) !== EntryKind.append || base !== expected || base >= runEnd || base >= to) break;
    entry = view.getUint16(at + NEXT_AT);
    const end = base + view.getInt32(at + LAST_DELTA_AT) + 1;
    expected = end;
    if (end <= from) continue;
    next = end;
    const header = bytes.subarray(at + CONTENT_AT, at + CONTENT_AT + CONTENT_BYTES);
    if (visit(header, group + view.getUint32(at + POSITION_AT), readU64(view, at + APPEND_TIME_AT)) === false) return -1;
  }
  const end = Math.min(runEnd, to);
  assert(expected >= end || p.isLost(expected, end), "batches of a run follow one another");
  return Math.max(next, end);
}

function nextSlab(address: number, slabBytes: number): number {
  return (Math.floor(address / slabBytes) + 1) * slabBytes;
}

/** Pieces ascend, so pieces of one slab are neighbours, but for batches that were copied. */
function distinct(slabs: readonly Slab[]): Slab[] {
  return slabs.filter((slab, i) => slab !== slabs[i - 1] && slabs.indexOf(slab) === i);
}
