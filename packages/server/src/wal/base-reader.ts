import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { BASE_READ_BYTES } from "./limits.ts";
import type { FoundBase } from "./partition-replay.ts";
import { readAgain } from "./read-again.ts";
import type { WalFile } from "./wal-file.ts";
import type { WalFiles } from "./wal-files.ts";

/** Reads bases at a start. Those of many partitions lie side by side: one read brings several. */
export class BaseReader {
  readonly #files: WalFiles;
  #file: WalFile | undefined;
  #window = Buffer.alloc(0);
  #windowAt = 0;

  constructor(files: WalFiles) {
    this.#files = files;
  }

  /** The bytes of the base, or undefined when a chunk is not there or fails its checksum. */
  async read(base: FoundBase): Promise<Uint8Array | undefined> {
    const bytes = Buffer.alloc(base.bytes);
    let at = 0;
    for (const chunk of base.chunks) {
      const file = this.#files.at(chunk.group);
      if (file === undefined) return undefined;
      const body = await this.#bytes(file, this.#files.positionOf(chunk.group) + chunk.position, chunk.length);
      if (body.byteLength < chunk.length || crc32c(body) !== chunk.crc) return undefined;
      body.copy(bytes, at);
      at += chunk.length;
    }
    return bytes;
  }

  async #bytes(file: WalFile, position: number, length: number): Promise<Buffer> {
    const from = position - this.#windowAt;
    if (file !== this.#file || from < 0 || from + length > this.#window.byteLength) await this.#readWindow(file, position, length);
    const start = position - this.#windowAt;
    return this.#window.subarray(start, start + length);
  }

  async #readWindow(file: WalFile, position: number, length: number): Promise<void> {
    const window = Buffer.allocUnsafeSlow(Math.min(Math.max(length, BASE_READ_BYTES), this.#files.fileBytes - position));
    const read = await readAgain(file, position, window);
    this.#file = file;
    this.#window = window.subarray(0, read);
    this.#windowAt = position;
  }
}
