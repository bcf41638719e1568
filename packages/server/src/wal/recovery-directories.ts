import { type GroupDirectory, readDirectory } from "./group-directories.ts";
import { RECOVERY_DIRECTORY_BYTES_MAX } from "./limits.ts";
import type { WalFile } from "./wal-file.ts";
import type { WalFiles } from "./wal-files.ts";

/** Directories between the two passes of a recovery: kept up to a budget, else read again. */
export class RecoveryDirectories {
  readonly #files: WalFiles;
  readonly #kept = new Map<number, GroupDirectory>();
  #bytes = 0;

  constructor(files: WalFiles) {
    this.#files = files;
  }

  keep(incarnation: number, position: number, directory: GroupDirectory): void {
    if (this.#bytes + directory.bytes.byteLength > RECOVERY_DIRECTORY_BYTES_MAX) return;
    this.#bytes += directory.bytes.byteLength;
    this.#kept.set(incarnation * this.#files.fileBytes + position, directory);
  }

  /** Undefined when it has become unreadable since. */
  async get(file: WalFile, incarnation: number, position: number): Promise<GroupDirectory | undefined> {
    const kept = this.#kept.get(incarnation * this.#files.fileBytes + position);
    return kept ?? readDirectory(file, position, this.#files.walId, this.#files.fileBytes);
  }
}
