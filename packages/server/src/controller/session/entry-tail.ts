import { must } from "../../base/assert.ts";
import type { LogEntry } from "../../metadata-log/metadata-log.ts";
import { TAIL_ENTRY_BYTES } from "../limits.ts";

/** The newest batches of the log, kept in memory for whoever is a little behind. */
export class EntryTail {
  readonly #bytesMax: number;
  #entries: LogEntry[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The one behind the newest. */
  add(entry: LogEntry): void {
    this.#entries.push(entry);
    this.#bytes += bytesOf(entry);
    if (this.#bytes > this.#bytesMax) this.#forget();
  }

  /** The batches from `index` on, as many as fit `bytesMax` but at least one; undefined when that one is not here. */
  from(index: number, bytesMax: number): readonly LogEntry[] | undefined {
    const first = this.#entries[0]?.index ?? 0;
    const at = index - first;
    if (first === 0 || at < 0 || at >= this.#entries.length) return undefined;
    let end = at;
    for (let bytes = 0; end < this.#entries.length; end += 1) {
      bytes += this.#entries[end]?.payload.byteLength ?? 0;
      if (end > at && bytes > bytesMax) break;
    }
    return this.#entries.slice(at, end);
  }

  /** Down to half, so that it is not done for every batch. */
  #forget(): void {
    let count = 0;
    for (; this.#bytes > this.#bytesMax / 2 && count < this.#entries.length - 1; count += 1)
      this.#bytes -= bytesOf(must(this.#entries[count], "the oldest batch"));
    this.#entries = this.#entries.slice(count);
  }
}

function bytesOf({ payload }: LogEntry): number {
  return payload.byteLength + TAIL_ENTRY_BYTES;
}
