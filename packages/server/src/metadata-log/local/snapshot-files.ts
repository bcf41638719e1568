import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../../base/assert.ts";
import { type Disk, DiskError, type DiskFile } from "../../io/disk.ts";
import { READ_PIECE_BYTES } from "../limits.ts";
import { SnapshotUnreadError, type StoredSnapshot } from "../metadata-log.ts";
import { META_FOLDER } from "./data-format.ts";
import { damaged } from "./log-scan.ts";

const NEW_FILE = "meta/snapshot.new";
const NAME = /^snapshot-([0-9]{16})$/;

/** The snapshots of a folder: at most one, two while the older is being removed. */
export class SnapshotFiles {
  readonly #disk: Disk;
  #newestIndex = 0;
  #newestBytes = 0;
  #writing = false;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Of the newest one; 0 = there is none. */
  get newestIndex(): number {
    return this.#newestIndex;
  }

  /** Finds the newest one, removes the others and what was not finished. */
  async open(): Promise<void> {
    await this.#disk.remove(NEW_FILE);
    await this.look();
    await this.#removeOlder(await this.#indexes());
  }

  /** Finds the newest one, and changes nothing. */
  async look(): Promise<void> {
    this.#newestIndex = Math.max(0, ...(await this.#indexes()));
    if (this.#newestIndex > 0) this.#newestBytes = await this.#sizeOf(this.#newestIndex);
  }

  /** New file, sync, read back, rename, sync of the folder; then the older ones go. One that is older than the newest is not written. */
  async put(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    assert(!this.#writing, "one snapshot is written at a time");
    if (index <= this.#newestIndex) return;
    this.#writing = true;
    try {
      const written = await this.#write(pieces);
      await this.#verify(written); // before it takes a place in which the next start would trust it
      await this.#disk.rename(NEW_FILE, snapshotPath(index));
      await this.#disk.syncFolder(META_FOLDER);
      this.#newestIndex = index;
      this.#newestBytes = written.bytes;
      await this.#removeOlder(await this.#indexes());
    } finally {
      this.#writing = false;
    }
  }

  latest(): StoredSnapshot | undefined {
    const index = this.#newestIndex;
    return index === 0 ? undefined : { index, bytes: this.#newestBytes, pieces: this.#read(snapshotPath(index)) };
  }

  async #write(pieces: AsyncIterable<Uint8Array>): Promise<Written> {
    await this.#disk.remove(NEW_FILE);
    const file = await this.#disk.open(NEW_FILE, "create");
    const written = { bytes: 0, crc: 0 };
    try {
      for await (const piece of pieces) {
        await file.write(written.bytes, [piece], false);
        written.bytes += piece.byteLength;
        written.crc = crc32c(piece, written.crc);
      }
      await file.sync();
    } catch (error) {
      // It may be the room that is missing.
      await file.close();
      await this.#disk.remove(NEW_FILE);
      throw error;
    }
    await file.close();
    return written;
  }

  /** What cannot be read may be well: it is written anew later. @throws {SnapshotUnreadError} */
  async #verify(written: Written): Promise<void> {
    try {
      await this.#compare(written);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      throw new SnapshotUnreadError(error.message, { cause: error });
    }
  }

  async #compare(written: Written): Promise<void> {
    const found = { bytes: 0, crc: 0 };
    for await (const piece of this.#read(NEW_FILE)) {
      found.bytes += piece.byteLength;
      found.crc = crc32c(piece, found.crc);
    }
    if (found.bytes !== written.bytes || found.crc !== written.crc) throw damaged(`${NEW_FILE} reads back other than it was written`);
  }

  async *#read(path: string): AsyncGenerator<Uint8Array> {
    const file = await this.#disk.open(path, "read");
    try {
      for (let position = 0; ; ) {
        const piece = await readPiece(file, position);
        if (piece.byteLength === 0) return;
        position += piece.byteLength;
        yield piece;
      }
    } finally {
      await file.close();
    }
  }

  async #indexes(): Promise<number[]> {
    const names = await this.#disk.list(META_FOLDER);
    return names.flatMap((name) => NAME.exec(name)?.slice(1).map(Number) ?? []);
  }

  async #removeOlder(indexes: readonly number[]): Promise<void> {
    for (const index of indexes) if (index < this.#newestIndex) await this.#disk.remove(snapshotPath(index));
  }

  async #sizeOf(index: number): Promise<number> {
    const file = await this.#disk.open(snapshotPath(index), "read");
    const size = await file.size();
    await file.close();
    return size;
  }
}

type Written = Readonly<{ bytes: number; crc: number }>;

/** Of the snapshot of this index. */
export function snapshotPath(index: number): string {
  return `${META_FOLDER}/snapshot-${String(index).padStart(16, "0")}`;
}

async function readPiece(file: DiskFile, position: number): Promise<Uint8Array> {
  const piece = Buffer.alloc(READ_PIECE_BYTES);
  return piece.subarray(0, await file.read(position, piece));
}
