import { Buffer } from "node:buffer";
import type { FrameHandler } from "./frame-handler.ts";
import type { FramePool } from "./frame-pool.ts";
import {
  FRAME_BYTES_MAX,
  FRAME_BYTES_MIN,
  FRAME_FIRST_BYTES,
  FRAME_GROWTH,
  FRAME_TARGET_BYTES_MIN,
  FRAME_TRUSTED_BYTES_MAX,
} from "./limits.ts";
import { describeStrangeFrame } from "./strange-frame.ts";

/** The connection as its input sees it. */
export interface FrameSink {
  readonly isOpen: boolean;
  /** Nothing may start, whatever it is. */
  readonly isHeldBack: boolean;
  mayStart(apiKey: number): boolean;
  mayGrow(): boolean;
  start(bytes: Uint8Array, start: number, end: number, apiKey: number): void;
  cutOff(reason: string): void;
}

/** The size in front of every frame. */
const SIZE_BYTES = 4;
/** Size and API key: what has to be there before anything is believed. */
const KEY_END = 6;

/**
 * Cuts a stream of bytes into frames. Frames that lie whole in the network's shared buffer are started from there; the
 * beginning of one that does not is carried in a pooled buffer, into which the kernel then reads the rest of a large one.
 * The carry also keeps what was read when a frame may not start yet.
 *
 *   int32 size | size bytes: int16 API key, int16 version, …
 */
export class FrameInput {
  readonly #sink: FrameSink;
  readonly #handler: FrameHandler;
  readonly #pool: FramePool;
  /** Bytes [0, #carried): the beginning of one frame, or, when blocked, all that waits. */
  #carry: Buffer | undefined;
  #carried = 0;
  /** The kernel may be writing into the carry. */
  #isTarget = false;
  #isBlocked = false;
  /** Frames of this size arrived whole before, so the next is believed at once. */
  #trustedBytes = FRAME_FIRST_BYTES;

  constructor(sink: FrameSink, handler: FrameHandler, pool: FramePool) {
    this.#sink = sink;
    this.#handler = handler;
    this.#pool = pool;
  }

  /** Something may not go on now: read nothing, and call `resume` when that may have changed. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** The peer has begun a frame and owes the rest. */
  get isInFrame(): boolean {
    return this.#carry !== undefined && !this.#isBlocked;
  }

  get holdsBytes(): boolean {
    return this.#carry !== undefined;
  }

  /** A frame that arrived whole waits. */
  get hasWholeFrame(): boolean {
    const carry = this.#carry;
    return carry !== undefined && this.#carried >= SIZE_BYTES && this.#carried >= SIZE_BYTES + readInt32(carry, 0);
  }

  /** Starts nothing until `resume`. */
  block(): void {
    this.#isBlocked = true;
  }

  /** Where the next bytes shall go: the rest of a large frame directly behind its beginning. */
  target(): Uint8Array | undefined {
    const carry = this.#carry;
    if (carry === undefined || this.#isBlocked || this.#carried < KEY_END) return undefined;
    const frameEnd = SIZE_BYTES + readInt32(carry, 0);
    if (frameEnd - this.#carried < FRAME_TARGET_BYTES_MIN || this.#carried === carry.byteLength) return undefined;
    this.#isTarget = true;
    return carry.subarray(this.#carried, Math.min(frameEnd, carry.byteLength));
  }

  /** Bytes from the socket: the filled front of the target, or of a buffer that is only valid in this call. */
  received(bytes: Uint8Array): void {
    const isTarget = this.#isTarget && bytes.buffer === this.#carry?.buffer;
    this.#isTarget = false;
    if (isTarget) {
      this.#carried += bytes.byteLength;
      this.#startCarry();
      return;
    }
    const from = this.#isBlocked || this.#carry === undefined ? 0 : this.#completeCarry(bytes);
    if (!this.#sink.isOpen || from === bytes.byteLength) return;
    const at = this.#isBlocked ? from : this.#startFrames(bytes, from, bytes.byteLength);
    if (this.#sink.isOpen && at < bytes.byteLength) this.#carryRest(bytes, at);
  }

  /** Goes on with what waits, as far as it now may. */
  resume(): void {
    this.#isBlocked = this.#sink.isHeldBack;
    const carry = this.#carry;
    if (this.#isBlocked || carry === undefined) return;
    const carried = this.#carried;
    const at = this.#startFrames(carry, 0, carried);
    if (!this.#sink.isOpen) return;
    if (at === carried) return this.#dropCarry();
    carry.copyWithin(0, at, carried);
    this.#carried = carried - at;
    this.#growForFrame();
  }

  /** The connection is gone. */
  clear(): void {
    if (this.#carry === undefined) return;
    if (this.#isTarget) this.#pool.drop(this.#carry);
    else this.#pool.give(this.#carry);
    this.#carry = undefined;
    this.#carried = 0;
  }

  /** Adds to the carried frame what it lacks, and starts it when it is whole. Returns how many of the bytes it took. */
  #completeCarry(bytes: Uint8Array): number {
    let from = 0;
    if (this.#carried < KEY_END) {
      from = Math.min(KEY_END - this.#carried, bytes.byteLength);
      this.#carryBytes(bytes, 0, from, KEY_END);
      if (this.#carried < KEY_END) return from;
      if (this.#checkedSize(this.#carry as Buffer, 0, this.#carried) < 0) return from;
    }
    const frameEnd = SIZE_BYTES + readInt32(this.#carry as Buffer, 0);
    const to = Math.min(bytes.byteLength, from + frameEnd - this.#carried);
    this.#carryBytes(bytes, from, to, this.#carried + to - from);
    this.#startCarry();
    return to;
  }

  /** The carried frame has grown: starts it if it is whole. */
  #startCarry(): void {
    const carry = this.#carry as Buffer;
    const frameEnd = SIZE_BYTES + readInt32(carry, 0);
    if (this.#carried < frameEnd) return this.#growForFrame();
    this.#trustedBytes = Math.max(this.#trustedBytes, Math.min(frameEnd * 2, FRAME_TRUSTED_BYTES_MAX));
    const at = this.#startFrames(carry, 0, this.#carried);
    if (this.#sink.isOpen && at === this.#carried) this.#dropCarry();
  }

  /**
   * Starts every request that lies whole in `bytes[from, to)` and may start now. Returns where it stopped: at the end,
   * at the beginning of a frame that is not whole, or of one that may not start (then the input is blocked).
   */
  #startFrames(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (to - at >= KEY_END) {
      const size = this.#checkedSize(bytes, at, to);
      if (size < 0) return to;
      const end = at + SIZE_BYTES + size;
      if (end > to) return at;
      const apiKey = readInt16(bytes, at + SIZE_BYTES);
      if (!this.#sink.mayStart(apiKey)) {
        this.#isBlocked = true;
        return at;
      }
      this.#sink.start(bytes, at + SIZE_BYTES, end, apiKey);
      if (!this.#sink.isOpen) return to;
      at = end;
    }
    return at;
  }

  /** Size of the frame at `at`; negative when it was refused. */
  #checkedSize(bytes: Uint8Array, at: number, to: number): number {
    const size = readInt32(bytes, at);
    if (size < FRAME_BYTES_MIN || size > FRAME_BYTES_MAX) return this.#refuse(describeStrangeFrame(bytes, at, to, size));
    const apiKey = readInt16(bytes, at + SIZE_BYTES);
    const sizeMax = this.#handler.frameBytesMax(apiKey);
    if (sizeMax === 0) return this.#refuse(`a request with API key ${apiKey}, which is not served`);
    if (size > sizeMax) return this.#refuse(`a request of ${size} bytes with API key ${apiKey}, at most ${sizeMax} are accepted`);
    return size;
  }

  #refuse(reason: string): number {
    this.#sink.cutOff(reason);
    return -1;
  }

  /** Keeps `bytes` from `from` on; when it is the beginning of a frame, with room for what is believed of it. */
  #carryRest(bytes: Uint8Array, from: number): void {
    const rest = bytes.byteLength - from;
    let room = this.#carried + rest;
    if (!this.#isBlocked && rest >= KEY_END && this.#sink.mayGrow()) room = this.#believed(rest, SIZE_BYTES + readInt32(bytes, from));
    this.#carryBytes(bytes, from, bytes.byteLength, room);
    this.#growForFrame();
  }

  #carryBytes(bytes: Uint8Array, from: number, to: number, room: number): void {
    const carry = this.#carryOf(room);
    const source = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    source.copy(carry, this.#carried, from, to);
    this.#carried += to - from;
  }

  /** A full carry grows, step by step, towards the size of its frame. */
  #growForFrame(): void {
    const carry = this.#carry;
    if (carry === undefined || this.#isBlocked || this.#carried < carry.byteLength) return;
    const frameEnd = SIZE_BYTES + readInt32(carry, 0);
    if (frameEnd <= carry.byteLength) return;
    if (this.#sink.mayGrow()) this.#carryOf(this.#believed(this.#carried, frameEnd));
    else this.#isBlocked = true;
  }

  #believed(arrivedBytes: number, frameBytes: number): number {
    return Math.min(frameBytes, Math.max(arrivedBytes * FRAME_GROWTH, this.#trustedBytes));
  }

  #carryOf(bytesMin: number): Buffer {
    const carry = this.#carry;
    if (carry !== undefined && carry.byteLength >= bytesMin) return carry;
    const larger = this.#pool.take(bytesMin);
    if (carry !== undefined) {
      carry.copy(larger, 0, 0, this.#carried);
      this.#pool.give(carry);
    }
    this.#carry = larger;
    return larger;
  }

  #dropCarry(): void {
    if (this.#carry !== undefined) this.#pool.give(this.#carry);
    this.#carry = undefined;
    this.#carried = 0;
  }
}

function readInt16(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number);
}

function readInt32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}
