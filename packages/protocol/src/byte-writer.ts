import { Buffer } from "node:buffer";
import { assert } from "./assert.ts";
import { FRAME_BYTES_MAX, STRING_BYTES_MAX } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

/** Byte strings at least this long are referenced by `bytesShared`, shorter ones are copied. */
const SHARED_BYTES_MIN = 1024;

/** Longest string that is tried character by character: below it that is faster than a call into native code. */
const SHORT_STRING_LENGTH = 24;

/** Foreign bytes that belong before position `at` of the writer's own. */
type Shared = Readonly<{ at: number; bytes: Uint8Array }>;

/**
 * Growable output. Numbers that do not fit their field throw `ProtocolError` (UNENCODABLE).
 * Large byte strings may be referenced, not copied: then `pieces()` gives a list for one gathering write.
 */
export class ByteWriter {
  #bytes: Buffer;
  #view: DataView;
  #position = 0;
  readonly #shared: Shared[] = [];
  #sharedBytes = 0;

  constructor(capacityBytes = 512) {
    this.#bytes = Buffer.allocUnsafeSlow(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, capacityBytes);
  }

  /** Bytes written so far, referenced ones included. */
  get length(): number {
    return this.#position + this.#sharedBytes;
  }

  /** Empties the writer and keeps its memory: views given out before become invalid. */
  reset(): void {
    this.#position = 0;
    this.#shared.length = 0;
    this.#sharedBytes = 0;
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) throw unencodable("int8", value);
    const at = this.#claim(1);
    this.#view.setInt8(at, value);
  }

  bool(value: boolean): void {
    const at = this.#claim(1);
    this.#view.setInt8(at, value ? 1 : 0);
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) throw unencodable("int16", value);
    const at = this.#claim(2);
    this.#view.setInt16(at, value);
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) throw unencodable("uint16", value);
    const at = this.#claim(2);
    this.#view.setUint16(at, value);
  }

  int32(value: number): void {
    if ((value | 0) !== value) throw unencodable("int32", value);
    const at = this.#claim(4);
    this.#view.setInt32(at, value);
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) throw unencodable("uint32", value);
    const at = this.#claim(4);
    this.#view.setUint32(at, value);
  }

  /** A safe integer as 64 bits. */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw unencodable("int64", value);
    const start = this.#claim(8);
    this.#view.setInt32(start, Math.floor(value / 0x1_0000_0000));
    this.#view.setUint32(start + 4, value >>> 0);
  }

  bigint64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw unencodable("int64", value);
    const at = this.#claim(8);
    this.#view.setBigInt64(at, value);
  }

  float64(value: number): void {
    const at = this.#claim(8);
    this.#view.setFloat64(at, value);
  }

  /** Unsigned LEB128 of 32 bits. */
  uvarint(value: number): void {
    if (value >>> 0 !== value) throw unencodable("uvarint", value);
    let rest = value;
    while (rest >= 0x80) {
      const at = this.#claim(1);
      this.#view.setUint8(at, (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    const at = this.#claim(1);
    this.#view.setUint8(at, rest);
  }

  /** Zigzag LEB128 of 32 bits. */
  varint(value: number): void {
    if ((value | 0) !== value) throw unencodable("varint", value);
    this.uvarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  /** Zigzag LEB128 of 64 bits, from a safe integer. */
  varlong(value: number): void {
    if (!Number.isSafeInteger(value)) throw unencodable("varlong", value);
    const magnitude = value < 0 ? -value - 1 : value;
    // The sign takes the lowest bit, so the first byte carries six bits of the magnitude: doubling could leave the safe range.
    let byte = (magnitude % 64) * 2 + (value < 0 ? 1 : 0);
    for (let rest = Math.floor(magnitude / 64); rest > 0; rest = Math.floor(rest / 128)) {
      const at = this.#claim(1);
      this.#view.setUint8(at, byte | 0x80);
      byte = rest % 128;
    }
    const at = this.#claim(1);
    this.#view.setUint8(at, byte);
  }

  /** A uuid of 22 base64url characters, as 16 bytes. */
  uuid(value: string): void {
    if (value.length !== 22) throw unencodable("uuid", value);
    const start = this.#claim(16);
    const written = this.#bytes.write(value, start, 16, "base64url");
    if (written === 16) return;
    this.#position = start;
    throw unencodable("uuid", value);
  }

  /** Bytes without a length, copied. */
  raw(bytes: Uint8Array): void {
    const start = this.#claim(bytes.byteLength);
    if (Buffer.isBuffer(bytes)) bytes.copy(this.#bytes, start);
    else Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).copy(this.#bytes, start);
  }

  /** Bytes without a length; large ones are referenced and must not change until the output is used. */
  rawShared(bytes: Uint8Array): void {
    if (bytes.byteLength < SHARED_BYTES_MIN) return this.raw(bytes);
    this.#shared.push({ at: this.#position, bytes });
    this.#sharedBytes += bytes.byteLength;
    this.#checkLength(0);
  }

  /** Classic string; null = length −1. */
  string(value: string | null): void {
    if (value === null) return this.int16(-1);
    if (this.#shortAscii(value, 2)) return;
    const byteCount = Buffer.byteLength(value);
    if (byteCount > STRING_BYTES_MAX) throw unencodable("string", `of ${byteCount} bytes`);
    this.int16(byteCount);
    const at = this.#claim(byteCount);
    this.#bytes.write(value, at, byteCount, "utf8");
  }

  /** Compact string; null = length 0. */
  compactString(value: string | null): void {
    if (value === null) return this.uvarint(0);
    if (this.#shortAscii(value, 1)) return;
    const byteCount = Buffer.byteLength(value);
    this.uvarint(byteCount + 1);
    const at = this.#claim(byteCount);
    this.#bytes.write(value, at, byteCount, "utf8");
  }

  /** Count or byte length of a classic array or bytes; −1 = null. */
  lengthPrefix(length: number): void {
    this.int32(length);
  }

  /** Count or byte length of a compact array or bytes; −1 = null. */
  compactLengthPrefix(length: number): void {
    this.uvarint(length + 1);
  }

  bytes(value: Uint8Array | null): void {
    this.int32(value === null ? -1 : value.byteLength);
    if (value !== null) this.raw(value);
  }

  compactBytes(value: Uint8Array | null): void {
    this.uvarint(value === null ? 0 : value.byteLength + 1);
    if (value !== null) this.raw(value);
  }

  /** Begins a part that is preceded by its own size as uvarint; give the result to `endSized`. */
  beginSized(): number {
    return this.#claim(1);
  }

  /** Ends what `beginSized` began. Moves the part when its size needs more than the one byte reserved. */
  endSized(start: number): void {
    const byteCount = this.#position - start - 1;
    const sizeBytes = uvarintBytes(byteCount);
    if (sizeBytes > 1) {
      this.#claim(sizeBytes - 1);
      this.#bytes.copyWithin(start + sizeBytes, start + 1, start + 1 + byteCount);
    }
    const end = this.#position;
    this.#position = start;
    this.uvarint(byteCount);
    this.#position = end;
  }

  /** Overwrites four bytes that were written before, such as the size of a frame. `at` counts the writer's own bytes. */
  patchInt32(at: number, value: number): void {
    assert(at >= 0 && at + 4 <= this.#position, "a patch lies inside what was written");
    this.#view.setInt32(at, value);
  }

  /** Position among the writer's own bytes, for `patchInt32`. */
  get mark(): number {
    return this.#position;
  }

  /** Everything as one array: a view of the writer's memory when nothing was referenced, else a copy. */
  finish(): Uint8Array {
    if (this.#shared.length === 0) return this.#bytes.subarray(0, this.#position);
    return Buffer.concat(this.pieces(), this.length);
  }

  /** Everything in order: views of the writer's memory, and the referenced bytes. */
  pieces(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (const { at, bytes } of this.#shared) {
      if (at > from) pieces.push(this.#bytes.subarray(from, at));
      pieces.push(bytes);
      from = at;
    }
    if (this.#position > from) pieces.push(this.#bytes.subarray(from, this.#position));
    return pieces;
  }

  /** Writes prefix and text if it is short and ASCII, else writes nothing. */
  #shortAscii(value: string, prefixBytes: 1 | 2): boolean {
    const length = value.length;
    if (length > SHORT_STRING_LENGTH) return false;
    const start = this.#claim(prefixBytes + length);
    for (let i = 0; i < length; i += 1) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) {
        this.#position = start;
        return false;
      }
      this.#bytes[start + prefixBytes + i] = unit;
    }
    if (prefixBytes === 1) this.#bytes[start] = length + 1;
    else this.#view.setInt16(start, length);
    return true;
  }

  /** Reserves bytes. May replace the memory: take the position first, and only then `#view` or `#bytes`. */
  #claim(byteCount: number): number {
    const start = this.#position;
    const end = start + byteCount;
    if (end > this.#bytes.byteLength) this.#grow(end);
    this.#position = end;
    return start;
  }

  #grow(needBytes: number): void {
    this.#checkLength(needBytes - this.#position);
    const larger = Buffer.allocUnsafeSlow(Math.max(needBytes, Math.min(this.#bytes.byteLength * 2, FRAME_BYTES_MAX)));
    this.#bytes.copy(larger, 0, 0, this.#position);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer, larger.byteOffset, larger.byteLength);
  }

  #checkLength(moreBytes: number): void {
    if (this.length + moreBytes > FRAME_BYTES_MAX)
      throw new ProtocolError("TOO_LARGE", `message too large. bytes=${this.length + moreBytes}`);
  }
}

/** Bytes that an unsigned 32-bit LEB128 number takes. */
export function uvarintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

function unencodable(type: string, value: unknown): ProtocolError {
  return new ProtocolError("UNENCODABLE", `value does not fit. type=${type} value=${String(value)}`);
}
