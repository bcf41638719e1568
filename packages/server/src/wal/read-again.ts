import { DiskError } from "../io/disk.ts";
import { READ_TRIES_MAX } from "./limits.ts";
import type { WalFile } from "./wal-file.ts";

/**
 * Reads, and once more when the disk fails: what cannot be read becomes damage, is uploaded as a hole and then freed, so a
 * single failed read must not decide that.
 *
 * @throws {DiskError} Of the last try.
 */
export async function readAgain(file: WalFile, position: number, target: Uint8Array): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return await file.disk.read(position, target);
    } catch (error) {
      if (!(error instanceof DiskError) || tries === READ_TRIES_MAX) throw error;
    }
  }
}
