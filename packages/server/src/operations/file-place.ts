import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { QueueError } from "../base/errors.ts";
import type { Clock } from "../io/clock.ts";
import type { Disk, DiskFile } from "../io/disk.ts";
import { ROOT } from "../io/disk-path.ts";
import { READ_PIECE_BYTES } from "./limits.ts";
import type { FoundMetadata, MetadataSource } from "./metadata-place.ts";
import {
  decodeSnapshotFileHeader,
  encodeSnapshotFileHeader,
  SNAPSHOT_FILE_HEADER_BYTES,
  SNAPSHOT_FILE_VERSION,
  type SnapshotFileHeader,
} from "./snapshot-file-codec.ts";

export type FilePlaceParts = Readonly<{
  name: string;
  /** The folder that the file lies in. */
  disk: Disk;
  path: string;
  clock: Clock;
}>;

/** A snapshot in a file of its own, which can be checked alone. */
export class FilePlace implements MetadataSource {
  readonly kind = "file";
  readonly name: string;
  readonly #parts: FilePlaceParts;

  constructor(parts: FilePlaceParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  isRunning(): undefined {
    return undefined;
  }

  async find(): Promise<FoundMetadata> {
    const { disk, path, clock } = this.#parts;
    const file = await disk.open(path, "read");
    try {
      const header = await this.#header(file);
      const { clusterId, index, bytes, stateHash: hashWhenWritten, madeMs } = header;
      const snapshot = { index, bytes, pieces: this.#pieces(file, header) };
      return {
        clusterId,
        firstIndex: index + 1,
        formats: { file: SNAPSHOT_FILE_VERSION },
        log: {
          latestSnapshot: () => Promise.resolve(snapshot),
          readFrom: (from) => Promise.resolve({ kind: "end", endIndex: from }),
        },
        moved: undefined,
        hashWhenWritten,
        snapshotAgeMs: () => Promise.resolve(Math.max(0, clock.wallMs() - madeMs)),
        close: () => file.close(),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * A new file: written beside its place, synced, renamed. It is to be read back by whoever wants to be sure.
   * @throws {QueueError} INVALID_REQUEST: the file exists.
   */
  async write(
    header: Readonly<{ clusterId: string; index: number; stateHash: string }>,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    const { disk, path } = this.#parts;
    const newPath = `${path}.new`;
    await this.#refuseExisting();
    await disk.remove(newPath);
    try {
      const written = await this.#writeAll(await disk.open(newPath, "create"), header, pieces);
      await this.#refuseExisting();
      await disk.rename(newPath, path);
      await disk.syncFolder(ROOT);
      return written;
    } catch (error) {
      await disk.remove(newPath);
      throw error;
    }
  }

  async #writeAll(
    file: DiskFile,
    header: Readonly<{ clusterId: string; index: number; stateHash: string }>,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    let [bytes, crc] = [0, 0];
    try {
      for await (const piece of pieces) {
        await file.write(SNAPSHOT_FILE_HEADER_BYTES + bytes, [piece], false);
        bytes += piece.byteLength;
        crc = crc32c(piece, crc);
      }
      const madeMs = Math.floor(this.#parts.clock.wallMs());
      await file.write(0, [encodeSnapshotFileHeader({ ...header, bytes, madeMs, crc })], true);
    } finally {
      await file.close();
    }
    return bytes;
  }

  async #refuseExisting(): Promise<void> {
    const { disk, path } = this.#parts;
    if ((await disk.list(ROOT)).includes(path))
      throw new QueueError("INVALID_REQUEST", `${this.name} exists: choose another name, or remove it first`);
  }

  async #header(file: DiskFile): Promise<SnapshotFileHeader> {
    const bytes = Buffer.alloc(SNAPSHOT_FILE_HEADER_BYTES);
    const length = await file.read(0, bytes);
    const header = decodeSnapshotFileHeader(bytes.subarray(0, length));
    if (header === undefined) throw new QueueError("CORRUPT_METADATA", `${this.name} is no snapshot of metadata, or its head is damaged`);
    if (header.version > SNAPSHOT_FILE_VERSION)
      throw new QueueError("NEWER_FORMAT", `${this.name} was written by newer software: use that version. version=${header.version}`);
    if ((await file.size()) !== SNAPSHOT_FILE_HEADER_BYTES + header.bytes) throw this.#damaged("its length is not the one it names");
    return header;
  }

  async *#pieces(file: DiskFile, header: SnapshotFileHeader): AsyncGenerator<Uint8Array> {
    let [read, crc] = [0, 0];
    while (read < header.bytes) {
      const piece = Buffer.alloc(Math.min(READ_PIECE_BYTES, header.bytes - read));
      if ((await file.read(SNAPSHOT_FILE_HEADER_BYTES + read, piece)) < piece.byteLength) throw this.#damaged("it became shorter");
      read += piece.byteLength;
      crc = crc32c(piece, crc);
      if (read === header.bytes && crc !== header.crc) throw this.#damaged("it does not match its checksum");
      yield piece;
    }
  }

  #damaged(problem: string): QueueError {
    return new QueueError("CORRUPT_METADATA", `the snapshot in ${this.name} is damaged: take another copy of it. problem=${problem}`);
  }
}
