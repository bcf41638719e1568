import { Buffer } from "node:buffer";
import type { Hold, RecordSlices } from "../model/record-slices.ts";

/**
 * Records that are read but not sent yet. When their owner wants the memory back while other parts of the answer are
 * still being read, they are copied; once the answer is with the connection, the connection decides.
 */
export class BorrowedRecords implements Hold {
  pieces: readonly Uint8Array[];
  readonly bytes: number;
  #hold: Hold | undefined;
  #wanted: (() => void) | undefined;

  constructor(slices: RecordSlices) {
    this.pieces = slices.pieces;
    this.bytes = slices.bytes;
    this.#hold = slices.hold;
    slices.hold?.whenWanted(() => (this.#wanted === undefined ? this.#copy() : this.#wanted()));
  }

  /** Whether memory of somebody else is held. */
  get isHeld(): boolean {
    return this.#hold !== undefined;
  }

  whenWanted(run: () => void): void {
    this.#wanted = run;
  }

  release(): void {
    const hold = this.#hold;
    this.#hold = undefined;
    hold?.release();
  }

  #copy(): void {
    this.pieces = [Buffer.concat(this.pieces, this.bytes)];
    this.release();
  }
}
