import { Buffer } from "node:buffer";
import { ELEMENTS_MAX } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

/** Longest string that is decoded character by character: below it that is faster than a call into native code. */
const SHORT_STRING_BYTES = 24;

/**
 * Cursor over one frame. Every read is bounds-checked and throws `ProtocolError` (MALFORMED) past the end;
 * `bytes()` and everything built on it shares the frame's memory: copy to keep it.
 */
export class ByteReader {
  #bytes: Buffer;
  #view: DataView;
  #position: number;
  #end: number;
  #elementsLeft: number;

  /** @param elementsMax How many elements `claimElements` grants in all. */
  constructor(frame: Uint8Array, start = 0, end: number = frame.byteLength, elementsMax: number = ELEMENTS_MAX) {
    this.#bytes = asBuffer(frame);
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#position = start;
    this.#end = end;
    this.#elementsLeft = elementsMax;
  }

  /** Starts again on another frame, so that a connection needs one reader only. */
  reset(frame: Uint8Array, start = 0, end: number = frame.byteLength, elementsMax: number = ELEMENTS_MAX): void {
    this.#bytes = asBuffer(frame);
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#position = start;
    this.#end = end;
    this.#elementsLeft = elementsMax;
  }

  /** Index of the next byte in the frame. */
  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#end - this.#position;
  }

  skip(byteCount: number): void {
    this.#advance(byteCount);
  }

  int8(): number {
    return this.#view.getInt8(this.#advance(1));
  }

  bool(): boolean {
    return this.#view.getInt8(this.#advance(1)) !== 0;
  }

  int16(): number {
    return this.#view.getInt16(this.#advance(2));
  }

  /** The next int16, which stays to be read. */
  peekInt16(): number {
    const value = this.int16();
    this.#position -= 2;
    return value;
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4));
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  /** Offsets, timestamps, ids: 64 bits on the wire, a safe integer (magnitude below 2^53) inside; anything else is malformed. */
  int64(): number {
    const start = this.#advance(8);
    const value = this.#view.getInt32(start) * 0x1_0000_0000 + this.#view.getUint32(start + 4);
    if (!Number.isSafeInteger(value)) throw this.#malformed("int64 outside the safe range");
    return value;
  }

  /** As `int64`, but what lies outside the safe range becomes its nearest end: for numbers that a person may choose freely. */
  int64Clamped(): number {
    const start = this.#advance(8);
    const value = this.#view.getInt32(start) * 0x1_0000_0000 + this.#view.getUint32(start + 4);
    return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
  }

  bigint64(): bigint {
    return this.#view.getBigInt64(this.#advance(8));
  }

  float64(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  /** Unsigned LEB128 of at most 32 bits (5 bytes). */
  uvarint(): number {
    const position = this.#position;
    if (position < this.#end) {
      const byte = this.#bytes[position] as number;
      if (byte < 0x80) {
        this.#position = position + 1;
        return byte; // nearly always
      }
    }
    return this.#longUvarint();
  }

  /** Zigzag LEB128 of 32 bits. */
  varint(): number {
    const zigzag = this.uvarint();
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  /** Zigzag LEB128 of 64 bits, checked to be a safe integer. */
  varlong(): number {
    const first = this.#bytes[this.#advance(1)] as number;
    let magnitude = (first & 0x7f) >> 1; // the lowest bit is the sign
    let weight = 64;
    for (let byte = first; byte >= 0x80; weight *= 128) {
      if (weight > 2 ** 62) throw this.#malformed("varlong does not fit 64 bits");
      byte = this.#bytes[this.#advance(1)] as number;
      magnitude += (byte & 0x7f) * weight;
    }
    const value = first & 1 ? -magnitude - 1 : magnitude;
    if (!Number.isSafeInteger(value)) throw this.#malformed("varlong outside the safe range");
    return value;
  }

  /** 16 bytes as Kafka writes a uuid for people: 22 characters of base64url. */
  uuid(): string {
    const start = this.#advance(16);
    return this.#bytes.toString("base64url", start, start + 16);
  }

  /** A view of the next bytes, no copy. */
  bytes(byteCount: number): Uint8Array {
    const start = this.#advance(byteCount);
    return this.#bytes.subarray(start, start + byteCount);
  }

  /** UTF-8 of exactly so many bytes; invalid sequences become U+FFFD, as in Kafka. */
  utf8(byteCount: number): string {
    const start = this.#advance(byteCount);
    if (byteCount > SHORT_STRING_BYTES) return this.#bytes.toString("utf8", start, start + byteCount);
    let text = "";
    for (let i = start; i < start + byteCount; i += 1) {
      const byte = this.#bytes[i] as number;
      if (byte >= 0x80) return this.#bytes.toString("utf8", start, start + byteCount);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Length of a classic string; −1 = null. */
  stringLength(): number {
    return this.#checkedLength(this.int16());
  }

  /** Length of classic bytes, or count of a classic array; −1 = null. */
  length(): number {
    return this.#checkedLength(this.int32());
  }

  /** Length of a compact string, compact bytes, or count of a compact array; −1 = null. */
  compactLength(): number {
    return this.uvarint() - 1;
  }

  nullableString(): string | null {
    const length = this.stringLength();
    return length < 0 ? null : this.utf8(length);
  }

  nullableCompactString(): string | null {
    const length = this.compactLength();
    return length < 0 ? null : this.utf8(length);
  }

  nullableBytes(): Uint8Array | null {
    const length = this.length();
    return length < 0 ? null : this.bytes(length);
  }

  nullableCompactBytes(): Uint8Array | null {
    const length = this.compactLength();
    return length < 0 ? null : this.bytes(length);
  }

  /** Refuses a count of elements that the rest of the frame cannot hold, each taking at least so many bytes. */
  checkCount(count: number, elementBytesMin: number): void {
    if (count * elementBytesMin > this.remaining) throw this.#malformed(`${count} elements do not fit the frame`);
  }

  /** Takes from this message's budget of elements, so that two bytes on the wire cannot become 300 on the heap without end. */
  claimElements(count: number): void {
    this.#elementsLeft -= count;
    if (this.#elementsLeft < 0) throw new ProtocolError("TOO_LARGE", "message too large. problem=too many elements");
  }

  /** Skips a section of tagged fields that nobody reads. */
  skipTaggedFields(): void {
    for (let left = this.uvarint(); left > 0; left -= 1) {
      this.uvarint();
      this.#advance(this.uvarint());
    }
  }

  /** Narrows the reader to the next bytes; give the result to `leave`. */
  enter(byteCount: number): number {
    if (byteCount > this.remaining) throw this.#malformed(`need ${byteCount} bytes, have ${this.remaining}`);
    const outerEnd = this.#end;
    this.#end = this.#position + byteCount;
    return outerEnd;
  }

  /** Ends what `enter` began; every byte of it must have been read. */
  leave(outerEnd: number): void {
    if (this.#position !== this.#end) throw this.#malformed(`${this.remaining} bytes too many in a field`);
    this.#end = outerEnd;
  }

  /** An error that names this position. */
  malformed(problem: string): ProtocolError {
    return this.#malformed(problem);
  }

  #longUvarint(): number {
    let value = 0;
    for (let weight = 1; weight <= 2 ** 28; weight *= 128) {
      const byte = this.#bytes[this.#advance(1)] as number;
      value += (byte & 0x7f) * weight; // not `<<`: bit 31 would make it negative
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw this.#malformed("uvarint does not fit 32 bits");
  }

  /** Every read passes here: the one place where a length from the network meets the frame's end. */
  #advance(byteCount: number): number {
    const start = this.#position;
    if (byteCount < 0 || byteCount > this.#end - start) throw this.#malformed(`need ${byteCount} bytes, have ${this.remaining}`);
    this.#position = start + byteCount;
    return start;
  }

  #checkedLength(length: number): number {
    if (length < -1) throw this.#malformed(`length ${length}`);
    return length;
  }

  #malformed(problem: string): ProtocolError {
    return new ProtocolError("MALFORMED", `malformed frame. position=${this.#position} problem=${problem}`);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
