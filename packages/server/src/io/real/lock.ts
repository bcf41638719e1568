import { existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DiskError } from "../disk.ts";
import { diskError, errorCodeOf, messageOf } from "./disk-errors.ts";

/** Beside the data; nobody else may open it. */
export const LOCK_FILE = "lock";

/** SQLITE_BUSY, the low byte of an error code. */
const BUSY = 5;

/** Thrown when another process has the folder. The text names the remedy. */
export class FolderInUseError extends Error {
  override readonly name = "FolderInUseError";
}

/** Exclusive possession of a data folder, until `release` or the death of the process, however it dies. */
export class FolderLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * The first act of a start. An exclusive SQLite transaction on `lock` in the folder: a lock of the kernel, so it is
   * seen across containers and network namespaces on one machine, and gone with the process. Creates the folder.
   * Nobody else may open that file: closing any descriptor of it within this process would give up the lock.
   *
   * @throws {FolderInUseError} Another process has it.
   * @throws {DiskError} The folder cannot be made or written.
   */
  static acquire(root: string): FolderLock {
    const folder = resolve(root);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw diskError(errorCodeOf(error), `data folder ${folder}: ${messageOf(error)}`, error);
    }
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(`${folder}/${LOCK_FILE}`, { timeout: 0 });
      database.exec("BEGIN EXCLUSIVE");
      return new FolderLock(database);
    } catch (error) {
      database?.close();
      throw refusal(folder, error);
    }
  }

  /**
   * Whether another process has the folder, for who only reads there; undefined: that cannot be told. Changes nothing. Not for a process
   * that has the lock itself, which would lose it.
   */
  static isHeld(root: string): boolean | undefined {
    const path = `${resolve(root)}/${LOCK_FILE}`;
    if (!existsSync(path)) return false;
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path, { readOnly: true, timeout: 0 });
      database.prepare("SELECT count(*) FROM sqlite_schema").get();
      return false;
    } catch (error) {
      return isBusy(error) ? true : undefined;
    } finally {
      database?.close();
    }
  }

  release(): void {
    this.#database.close();
  }
}

function refusal(folder: string, error: unknown): Error {
  if (isBusy(error)) {
    return new FolderInUseError(`data folder ${folder} is in use by another process: stop that one, or choose another folder with --data`, {
      cause: error,
    });
  }
  return new DiskError("denied", `data folder ${folder} cannot be locked: ${messageOf(error)}; check its owner and permissions`, {
    cause: error,
  });
}

function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === "number" && (code & 0xff) === BUSY;
}
