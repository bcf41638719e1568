/**
 * A running hash of everything that happened. Two runs of a seed must end with the same `digest`.
 * FNV-1a over 32-bit words, in two lanes with different primes.
 */
export class Trace {
  #low = 0x811c9dc5 | 0;
  #high = 0x1b873593 | 0;
  /** Number of words fed. */
  words = 0;

  number(value: number): void {
    const whole = Math.floor(value);
    this.#word(whole | 0);
    this.#word(((whole / 2 ** 32) | 0) ^ ((value - whole) * 2 ** 31));
  }

  text(value: string): void {
    for (let at = 0; at < value.length; at++) this.#word(value.charCodeAt(at));
    this.#word(value.length);
  }

  bytes(value: Uint8Array): void {
    for (const byte of value) this.#word(byte);
    this.#word(value.byteLength);
  }

  /** 16 hexadecimal digits. */
  get digest(): string {
    return [this.#high, this.#low].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #word(word: number): void {
    this.words += 1;
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#high = Math.imul((this.#high << 5) ^ (this.#high >>> 27) ^ word, 0x85ebca6b);
  }
}
