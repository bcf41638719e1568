import { Buffer } from "node:buffer";
import type { DiskFile } from "../../io/disk.ts";
import { READ_PIECE_BYTES } from "../limits.ts";

const NOTHING = Buffer.alloc(0);

/** A file read forwards through one window in memory, so that small looks at it cost few reads. */
export class ReadWindow {
  readonly #file: DiskFile;
  readonly size: number;
  #start = 0;
  #bytes: Buffer = NOTHING;

  constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** Bytes [position, position + length), fewer at the end of the file; valid until the next call. */
  async bytes(position: number, length: number): Promise<Buffer> {
    const end = Math.min(position + length, this.size);
    if (position >= end) return NOTHING;
    if (position < this.#start || end > this.#start + this.#bytes.byteLength) await this.#fill(position, end);
    return this.#bytes.subarray(position - this.#start, end - this.#start);
  }

  async #fill(position: number, end: number): Promise<void> {
    const bytes = Buffer.alloc(Math.min(Math.max(end - position, READ_PIECE_BYTES), this.size - position));
    const read = await this.#file.read(position, bytes);
    this.#bytes = bytes.subarray(0, read);
    this.#start = position;
  }
}
