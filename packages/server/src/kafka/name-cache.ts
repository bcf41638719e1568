import { Buffer } from "node:buffer";

/**
 * Strings of bytes that were seen lately: a topic's name or id is the same in request after request, and its string need
 * not be made, nor hashed, anew. Direct-mapped: two names that share a slot only cost time.
 */
export class NameCache {
  readonly #mask: number;
  readonly #bytes: (Uint8Array | undefined)[];
  readonly #texts: string[];
  readonly #encoding: "utf8" | "base64url";

  /** @param slots A power of two. `base64url`: ids as the protocol package shows them. */
  constructor(slots: number, encoding: "utf8" | "base64url") {
    this.#mask = slots - 1;
    this.#bytes = new Array(slots).fill(undefined);
    this.#texts = new Array(slots).fill("");
    this.#encoding = encoding;
  }

  /** The text of `bytes[at, at + length)`. */
  text(bytes: Uint8Array, at: number, length: number): string {
    const slot = this.#slotOf(bytes, at, length);
    const known = this.#bytes[slot];
    if (known !== undefined && known.byteLength === length && isEqual(known, bytes, at)) return this.#texts[slot] as string;
    const copy = Buffer.from(bytes.subarray(at, at + length));
    const text = copy.toString(this.#encoding);
    this.#bytes[slot] = copy;
    this.#texts[slot] = text;
    return text;
  }

  /** FNV-1a. */
  #slotOf(bytes: Uint8Array, at: number, length: number): number {
    let hash = 0x811c9dc5;
    for (let i = at; i < at + length; i += 1) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}

function isEqual(known: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < known.byteLength; i += 1) if (known[i] !== bytes[at + i]) return false;
  return true;
}
