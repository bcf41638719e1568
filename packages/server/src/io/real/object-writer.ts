// The file of one new object, written with synchronous calls in steps: for the thread that owns the directory.
import { closeSync, constants, fdatasyncSync, fsyncSync, ftruncateSync, openSync, unlinkSync } from "node:fs";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import type { StoredObject } from "../object-store.ts";
import { errorCodeOf } from "./disk-errors.ts";
import { OBJECT_SYNC_STEP_BYTES, OBJECT_WRITE_STEP_BYTES } from "./limits.ts";
import { attempt } from "./object-errors.ts";
import { writeFully } from "./write-fully.ts";

/** What direct writes have to be multiples of, in memory, in the file and in length. */
const BLOCK_BYTES = 4096;
/** Undefined where the system knows no direct writes. */
const DIRECT: number | undefined = constants.O_DIRECT;

const copyBytes = Buffer.prototype.copy;

/**
 * Writes objects past the page cache where the file system allows it: half the kernel's work, no memory taken from what
 * is read, and no long wait for a sync. The pieces are gathered into steps, which are hashed as they are written.
 */
export class ObjectWriter {
  /** Memory that may grow lies on page boundaries, which direct writes need; it never does grow. */
  readonly #step = Buffer.from(new ArrayBuffer(OBJECT_WRITE_STEP_BYTES, { maxByteLength: OBJECT_WRITE_STEP_BYTES }));
  #isDirect = false;

  get isDirect(): boolean {
    return this.#isDirect;
  }

  /** Tries with a file of this path whether its file system takes direct writes; until then none are made. */
  probe(path: string): void {
    this.#isDirect = DIRECT !== undefined && this.#takesDirectWrites(path);
  }

  #takesDirectWrites(path: string): boolean {
    try {
      const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (DIRECT ?? 0), 0o600);
      try {
        writeFully(descriptor, [this.#step.fill(0, 0, BLOCK_BYTES).subarray(0, BLOCK_BYTES)], 0);
      } finally {
        closeSync(descriptor);
        unlinkSync(path);
      }
      return true;
    } catch {
      return false;
    }
  }

  /** Creates `path` with these bytes, synced. In steps; one file at a time. The checksum is that of the bytes handed to the kernel. */
  *write(path: string, key: string, pieces: readonly Uint8Array[]): Generator<void, StoredObject> {
    const descriptor = attempt(key, "unavailable", () => this.#create(path));
    try {
      let bytes = 0;
      let checksum = 0;
      for (const length of this.#gather(pieces)) {
        checksum = crc32c(this.#step.subarray(0, length), checksum);
        attempt(key, "unavailable", () => this.#writeStep(descriptor, length, bytes));
        bytes += length;
        yield;
      }
      attempt(key, "unavailable", () => {
        if (this.#isDirect) ftruncateSync(descriptor, bytes); // the last block was padded
        fsyncSync(descriptor);
      });
      return { bytes, crc32c: checksum };
    } finally {
      closeSync(descriptor);
    }
  }

  #create(path: string): number {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    try {
      return openSync(path, flags | (this.#isDirect ? (DIRECT ?? 0) : 0), 0o600);
    } catch (error) {
      // Another file system was mounted there since the probe.
      if (!this.#isDirect || errorCodeOf(error) !== "EINVAL") throw error;
      this.#isDirect = false;
      unlinkSync(path);
      return openSync(path, flags, 0o600);
    }
  }

  #writeStep(descriptor: number, length: number, position: number): void {
    if (this.#isDirect) {
      const padded = Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
      writeFully(descriptor, [this.#step.fill(0, length, padded).subarray(0, padded)], position);
      return;
    }
    writeFully(descriptor, [this.#step.subarray(0, length)], position);
    // A sync of everything at the end would hold up cold reads for long.
    if ((position + length) % OBJECT_SYNC_STEP_BYTES === 0) fdatasyncSync(descriptor);
  }

  /** Fills the step with the pieces one behind the other; yields how much of it is filled: all, but for the last time. */
  *#gather(pieces: readonly Uint8Array[]): Generator<number, void> {
    const step = this.#step;
    let filled = 0;
    for (const piece of pieces) {
      for (let from = 0; from < piece.byteLength; ) {
        const copied = copyBytes.call(piece, step, filled, from);
        filled += copied;
        from += copied;
        if (filled < step.byteLength) continue;
        yield filled;
        filled = 0;
      }
    }
    if (filled > 0) yield filled;
  }
}
