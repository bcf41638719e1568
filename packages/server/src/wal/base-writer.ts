import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { EntryKind, LAST_CHUNK_FLAG } from "./group-codec.ts";
import { BASE_CHUNK_BYTES_MAX } from "./limits.ts";
import type { WalPartition } from "./wal-partition.ts";
import type { WalWriter } from "./wal-writer.ts";

/** A base on its way into the log, chunk by chunk, so that the caller can let others run between them. */
export class BaseAppend {
  readonly #writer: WalWriter;
  readonly #partition: WalPartition;
  readonly #offset: number;
  readonly #bytes: Uint8Array;
  readonly #flags: number;
  readonly #chunkBytes: number;
  readonly #serial: number;
  #chunk = 0;
  #firstGroup = 0;

  /**
   * @param offset The base holds everything below it.
   * @param flags INSTALLED_FLAG or 0.
   * @param chunkBytes At most; small files hold only small chunks.
   */
  constructor(writer: WalWriter, partition: WalPartition, offset: number, bytes: Uint8Array, flags: number, chunkBytes: number) {
    this.#writer = writer;
    this.#partition = partition;
    this.#offset = offset;
    this.#bytes = bytes;
    this.#flags = flags;
    this.#chunkBytes = Math.min(chunkBytes, BASE_CHUNK_BYTES_MAX);
    partition.baseSerial += 1;
    this.#serial = partition.baseSerial;
  }

  /**
   * Appends the next chunk. True after the last one: from then on the base counts. An empty base has one empty chunk. True, too,
   * when another base was begun meanwhile: chunks of two would not be told apart.
   */
  next(): boolean {
    if (this.#partition.baseSerial !== this.#serial) return true;
    const start = this.#chunk * this.#chunkBytes;
    const end = Math.min(start + this.#chunkBytes, this.#bytes.byteLength);
    const body = this.#bytes.subarray(start, end);
    const isLast = end === this.#bytes.byteLength;
    const at = this.#writer.control(
      this.#partition,
      this.#partition.id,
      EntryKind.base,
      {
        offset: this.#offset,
        second: this.#partition.logEnd,
        third: this.#bytes.byteLength,
        crc: crc32c(body),
        chunk: this.#chunk,
        epoch: this.#partition.leaderEpoch,
        flags: this.#flags | (isLast ? LAST_CHUNK_FLAG : 0),
      },
      body,
    );
    if (this.#chunk === 0) this.#firstGroup = at.group;
    this.#chunk += 1;
    if (isLast) {
      this.#partition.base = { offset: this.#offset, firstGroup: this.#firstGroup, lastGroup: at.group, bytes: this.#bytes.byteLength };
    }
    return isLast;
  }
}
