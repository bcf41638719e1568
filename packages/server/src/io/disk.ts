/**
 * One data folder on a local disk. Paths are relative to it, with `/`, and never leave it (`disk-path.ts`); the
 * folder itself is `ROOT`.
 *
 * Failures reject with `DiskError`. A failed `write` or `sync` is never retried by callers: the kernel may have
 * forgotten the dirty pages, so the process ends.
 */
export interface Disk {
  /** With the folders above it; no error when it exists. Each is durable after `syncFolder` of the one that holds it. */
  makeFolder(path: string): Promise<void>;
  /** Names (not paths) in a folder, sorted; empty when the folder does not exist. */
  list(path: string): Promise<readonly string[]>;
  /** `create` refuses an existing file; `write` opens an existing one for reading and writing. */
  open(path: string, mode: "create" | "write" | "read"): Promise<DiskFile>;
  /** Replaces `to` when it exists. Durable only after `syncFolder`. */
  rename(from: string, to: string): Promise<void>;
  /** Of a file. No error when it does not exist. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in this folder durable. */
  syncFolder(path: string): Promise<void>;
  freeBytes(): Promise<number>;
}

/**
 * One open file. `write`, `sync` and `fill` of one file take effect in the order of their calls, on a thread of
 * the disk's own; `read` runs beside them and sees every write that has completed.
 */
export interface DiskFile {
  readonly path: string;
  size(): Promise<number>;
  /** Reads at most `target.byteLength` bytes; fewer only at the end of the file. Returns the number read. */
  read(position: number, target: Uint8Array): Promise<number>;
  /**
   * Writes the slices one behind the other. They must not change until the promise settles; slices over a
   * SharedArrayBuffer are not copied. With `sync`, everything written to this file so far is durable on return.
   */
  write(position: number, slices: readonly Uint8Array[], sync: boolean): Promise<void>;
  sync(): Promise<void>;
  /** Makes durable what writes wrote that had completed by now. Runs beside other calls, as `read` does, and holds none of them up. */
  syncBeside(): Promise<void>;
  /**
   * Writes zeros to [from, to) in chunks, so that later writes neither allocate blocks nor change the size. Not synced.
   * Calls of other files are served between the chunks, later ones of this file after the last.
   */
  fill(from: number, to: number): Promise<void>;
  truncate(size: number): Promise<void>;
  /** After all calls before it. No call may follow. */
  close(): Promise<void>;
}

export type DiskErrorCode = "not-found" | "exists" | "no-space" | "read-only" | "io" | "denied";

export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly code: DiskErrorCode;

  constructor(code: DiskErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
