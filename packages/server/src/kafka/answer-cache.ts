import { ANSWER_CACHE_BYTES_MAX, CACHED_ANSWER_BYTES_MIN } from "./limits.ts";

/** Encoded answers, without their headers, that many clients ask for alike. The oldest make room. */
export class AnswerCache {
  readonly #answers = new Map<string, Uint8Array>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Must not be changed: it may be on its way to clients. */
  get(key: string): Uint8Array | undefined {
    return this.#answers.get(key);
  }

  /** Keeps what is worth it. */
  put(key: string, answer: Uint8Array): void {
    this.#remove(key);
    if (answer.byteLength < CACHED_ANSWER_BYTES_MIN || answer.byteLength > ANSWER_CACHE_BYTES_MAX) return;
    this.#answers.set(key, answer);
    this.#bytes += answer.byteLength;
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes <= ANSWER_CACHE_BYTES_MAX) return;
      this.#remove(oldest);
    }
  }

  /** Something changed that answers are made of. */
  clear(): void {
    this.#answers.clear();
    this.#bytes = 0;
  }

  #remove(key: string): void {
    const answer = this.#answers.get(key);
    if (answer === undefined) return;
    this.#answers.delete(key);
    this.#bytes -= answer.byteLength;
  }
}
