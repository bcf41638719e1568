import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";

/**
 * The few reads that the hot path needs, on a frame where it lies: unlike a reader with a view it costs nothing to begin.
 * Every read is bounds-checked and throws `ProtocolError` (MALFORMED) past the end.
 */
export class ByteCursor {
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  at = 0;

  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#end = end;
    this.at = start;
  }

  get remaining(): number {
    return this.#end - this.at;
  }

  skip(byteCount: number): void {
    if (byteCount > this.#end - this.at) throw this.#past();
    this.at += byteCount;
  }

  int16(): number {
    const at = this.at;
    this.skip(2);
    return (((this.#bytes[at] as number) << 24) >> 16) | (this.#bytes[at + 1] as number);
  }

  int32(): number {
    const at = this.at;
    const bytes = this.#bytes;
    this.skip(4);
    return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  }

  /** Unsigned LEB128 of at most 32 bits. */
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= this.#end) throw this.#past();
      const byte = this.#bytes[this.at] as number;
      this.at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80 && value <= 0xffff_ffff) return value;
      if (byte < 0x80) break;
    }
    throw new ProtocolError("MALFORMED", `malformed frame. position=${this.at} problem=uvarint does not fit 32 bits`);
  }

  /** −1 = null. */
  compactLength(): number {
    return this.uvarint() - 1;
  }

  /** −1 = null. */
  int16Length(): number {
    return this.#checked(this.int16());
  }

  /** −1 = null. */
  int32Length(): number {
    return this.#checked(this.int32());
  }

  skipTaggedFields(): void {
    for (let left = this.uvarint(); left > 0; left -= 1) {
      this.uvarint();
      this.skip(this.uvarint());
    }
  }

  #checked(length: number): number {
    if (length < -1) throw new ProtocolError("MALFORMED", `malformed frame. position=${this.at} problem=length ${length}`);
    return length;
  }

  #past(): ProtocolError {
    return new ProtocolError("MALFORMED", `malformed frame. position=${this.at} problem=it ends too early`);
  }
}
