import { constants, open } from "node:fs";
import * as fs from "node:fs/promises";
import { resolve } from "node:path";
import { assert } from "../../base/assert.ts";
import { type Disk, DiskError, type DiskFile } from "../disk.ts";
import { assertDiskPath, ROOT } from "../disk-path.ts";
import { DataFile } from "./data-file.ts";
import { asDiskCall, diskError, errorCodeOf, isOurs, messageOf } from "./disk-errors.ts";
import { type DiskCalls, DiskExecutor } from "./disk-executor.ts";
import { LOCK_FILE } from "./lock.ts";

const OPEN_FLAGS = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  write: constants.O_RDWR,
  read: constants.O_RDONLY,
} as const;

/** A data folder on a file system of this machine. Files are created for their owner alone (0600). */
export class DataFolder implements Disk {
  readonly root: string;
  readonly #executor: DiskExecutor;

  private constructor(root: string, executor: DiskExecutor) {
    this.root = root;
    this.#executor = executor;
  }

  /** Creates the folder when it does not exist. */
  static async open(root: string): Promise<DataFolder> {
    const path = resolve(root);
    await asDiskCall(() => fs.mkdir(path, { recursive: true, mode: 0o700 }));
    return new DataFolder(path, new DiskExecutor());
  }

  /** Changes nothing. @throws {DiskError} not-found: there is no such folder. */
  static async openExisting(root: string): Promise<DataFolder> {
    if ((await kindOfPath(root)) !== "folder") throw new DiskError("not-found", `there is no folder ${resolve(root)}`);
    return DataFolder.openAsIs(root);
  }

  /** Changes nothing: a folder that does not exist is an empty one. */
  static openAsIs(root: string): DataFolder {
    return new DataFolder(resolve(root), new DiskExecutor());
  }

  async makeFolder(path: string): Promise<void> {
    const full = this.#full(path);
    await asDiskCall(() => fs.mkdir(full, { recursive: true, mode: 0o700 }));
  }

  async list(path: string): Promise<readonly string[]> {
    const full = path === ROOT ? this.root : this.#full(path);
    try {
      return (await asDiskCall(() => fs.readdir(full))).filter(isOurs).sort();
    } catch (error) {
      if ((error as { code?: string }).code === "not-found") return [];
      throw error;
    }
  }

  async open(path: string, mode: "create" | "write" | "read"): Promise<DiskFile> {
    const full = this.#full(path);
    const descriptor = await asDiskCall(() => openDescriptor(full, OPEN_FLAGS[mode]));
    return new DataFile(path, descriptor, this.#executor);
  }

  async rename(from: string, to: string): Promise<void> {
    const [fullFrom, fullTo] = [this.#full(from), this.#full(to)];
    await asDiskCall(() => fs.rename(fullFrom, fullTo));
  }

  async remove(path: string): Promise<void> {
    const full = this.#full(path);
    try {
      await asDiskCall(() => fs.unlink(full));
    } catch (error) {
      if ((error as { code?: string }).code !== "not-found") throw error;
    }
  }

  async syncFolder(path: string): Promise<void> {
    const full = path === ROOT ? this.root : this.#full(path);
    await asDiskCall(async () => {
      const folder = await fs.open(full, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    });
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await asDiskCall(() => fs.statfs(this.root));
    return bavail * bsize;
  }

  /** When the file was written last; undefined: there is none. */
  async modifiedMs(path: string): Promise<number | undefined> {
    const stat = await fs.stat(this.#full(path)).catch(() => undefined);
    return stat?.mtimeMs;
  }

  /** For metrics: see `DiskExecutor.calls`. */
  get calls(): DiskCalls {
    return this.#executor.calls;
  }

  /** Waits for all writes and ends the disk thread. Every file must have been closed. */
  close(): Promise<void> {
    return this.#executor.stop();
  }

  #full(path: string): string {
    assertDiskPath(path);
    assert(path !== LOCK_FILE, "closing the lock file would give up the lock");
    return `${this.root}/${path}`;
  }
}

/** What lies there. */
export async function kindOfPath(path: string): Promise<"folder" | "file" | "nothing"> {
  try {
    return (await fs.stat(path)).isDirectory() ? "folder" : "file";
  } catch (error) {
    const failed = diskError(errorCodeOf(error), messageOf(error), error);
    if (failed.code === "not-found") return "nothing";
    throw failed;
  }
}

/** A bare number: the disk thread uses it too, and a FileHandle would close it when collected. */
function openDescriptor(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, flags, 0o600, (error, descriptor) => (error === null ? resolve(descriptor) : reject(error)));
  });
}
