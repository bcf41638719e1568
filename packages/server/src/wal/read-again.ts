import { DiskError } from "../io/disk.ts";
import { READ_TRIES_MAX } from "./limits.ts";
import type { WalFile } from "./wal-file.ts";

/** How bytes of the log's files are read. */
export type ReadFile = (file: WalFile, position: number, target: Uint8Array) => Promise<number>;

/** Reads, and once more when the disk fails: a single failed read decides nothing. @throws {DiskError} Of the last try. */
export async function readAgain(file: WalFile, position: number, target: Uint8Array): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return await file.disk.read(position, target);
    } catch (error) {
      if (!(error instanceof DiskError) || tries === READ_TRIES_MAX) throw error;
    }
  }
}
