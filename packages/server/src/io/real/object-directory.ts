// Objects as files of a directory, with synchronous calls: for the thread that owns them.
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { ObjectStoreError, type StoredObject } from "../object-store.ts";
import { errorCodeOf, isOurs } from "./disk-errors.ts";
import { OBJECT_LIST_AHEAD_KEYS, OBJECT_TEMPORARY_AGE_MS } from "./limits.ts";
import { attempt } from "./object-errors.ts";
import { ObjectWriter } from "./object-writer.ts";

/** Its presence says that the directory is there: an empty mount point is no empty store. */
const MARKER = ".tidemq-objects";
/** Beside the objects, since a link needs the same file system. Keys never begin with a dot. */
const TEMPORARY = ".temporary";
/** Who asks for fewer keys does not page through everything. */
const PAGE_KEYS_MIN = 100;

/** A directory that holds objects: the key is the path. Keys were checked by the caller. */
export class ObjectDirectory {
  readonly #root: string;
  readonly #temporaryPrefix = `${hostname()}.${process.pid}.`;
  readonly #writer = new ObjectWriter();
  #temporaryNumber = 0;
  /** What was found behind the page that was listed last. */
  #ahead: Readonly<{ prefix: string; after: string; keys: string[] }> | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Makes the directory a store when it is none yet. Idempotent. */
  create(): void {
    attempt(this.#root, "unavailable", () => {
      mkdirSync(this.#root, { recursive: true });
      if (!existsSync(`${this.#root}/${MARKER}`))
        writeFileSync(`${this.#root}/${MARKER}`, "Objects of a TideMQ cluster. Do not change anything here.\n", { flush: true });
      syncFolder(this.#root);
    });
  }

  /** Deletes temporary files whose writer is dead. */
  removeTemporaries(nowMs: number): void {
    const folder = `${this.#root}/${TEMPORARY}`;
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder)) {
      const path = `${folder}/${name}`;
      if (isAbandoned(name, path, nowMs)) unlinkSync(path);
    }
  }

  /** In steps, between which the thread may do something else. */
  *put(key: string, pieces: readonly Uint8Array[]): Generator<void, StoredObject> {
    this.#mustBeThere();
    const path = `${this.#root}/${key}`;
    // Spares the writing when it is a repetition; what decides is the link.
    if (existsSync(path)) throw new ObjectStoreError("exists", `the key is taken, key=${key}`);
    const temporary = this.#temporaryPath();
    try {
      const stored = yield* this.#writer.write(temporary, key, pieces);
      attempt(key, "unavailable", () => {
        this.#makeFolders(key);
        linkSync(temporary, path);
      });
      yield;
      // From here on the object can be seen: what fails now leaves its durability unknown.
      attempt(key, "unknown", () => syncFolder(folderOf(path)));
      return stored;
    } finally {
      quietly(() => unlinkSync(temporary));
    }
  }

  /** Into `target` when there is one. */
  read(key: string, start: number, end: number, target: Uint8Array | undefined): Uint8Array {
    const path = `${this.#root}/${key}`;
    const descriptor = this.#open(key, path);
    try {
      return attempt(key, "unavailable", () => {
        const stats = fstatSync(descriptor);
        if (!stats.isFile()) throw new ObjectStoreError("not-found", `no such object, key=${key}`);
        if (end > stats.size) throw new ObjectStoreError("range", `the object is shorter than ${end} bytes, key=${key}`);
        const bytes = target ?? Buffer.allocUnsafeSlow(end - start);
        for (let done = 0; done < bytes.byteLength; ) {
          const count = readSync(descriptor, bytes, done, bytes.byteLength - done, start + done);
          if (count === 0) throw new ObjectStoreError("range", `the object is shorter than ${end} bytes, key=${key}`);
          done += count;
        }
        return bytes;
      });
    } finally {
      closeSync(descriptor);
    }
  }

  /** A file system keeps no checksum. */
  head(key: string): StoredObject | undefined {
    const stats = attempt(key, "unavailable", () => statSync(`${this.#root}/${key}`, { throwIfNoEntry: false }));
    if (stats?.isFile() === true) return { bytes: stats.size, crc32c: undefined };
    this.#mustBeThere();
    return undefined;
  }

  /** A folder with very many names is not read anew for each page: what follows was true when the page before was asked for. */
  list(prefix: string, after: string, countMax: number): string[] {
    this.#mustBeThere();
    let ahead = this.#ahead;
    if (ahead?.prefix !== prefix || ahead.after !== after) {
      ahead = { prefix, after, keys: [] };
      const { keys } = ahead;
      const count = countMax < PAGE_KEYS_MIN ? countMax : OBJECT_LIST_AHEAD_KEYS;
      attempt(prefix, "unavailable", () => this.#collect("", prefix, after, count, keys));
    }
    const page = ahead.keys.slice(0, countMax);
    const rest = ahead.keys.slice(countMax);
    this.#ahead = rest.length === 0 ? undefined : { prefix, after: page.at(-1) ?? "", keys: rest };
    return page;
  }

  remove(key: string): void {
    this.#mustBeThere();
    attempt(key, "unavailable", () => {
      try {
        unlinkSync(`${this.#root}/${key}`);
      } catch (error) {
        if (!["ENOENT", "ENOTDIR", "EISDIR"].includes(errorCodeOf(error) ?? "")) throw error;
      }
    });
    this.#removeEmptyFolders(key);
  }

  /** Those that the object leaves behind. A put that needs them makes them in the same step in which it links its object. */
  #removeEmptyFolders(key: string): void {
    quietly(() => {
      for (let folder = folderOf(key); folder !== ""; folder = folderOf(folder)) rmdirSync(`${this.#root}/${folder}`);
    });
  }

  #open(key: string, path: string): number {
    const descriptor = attempt(key, "unavailable", () => {
      try {
        return openSync(path, constants.O_RDONLY);
      } catch (error) {
        if (errorCodeOf(error) === "ENOENT" || errorCodeOf(error) === "ENOTDIR") return undefined;
        throw error;
      }
    });
    if (descriptor !== undefined) return descriptor;
    this.#mustBeThere();
    throw new ObjectStoreError("not-found", `no such object, key=${key}`);
  }

  /** The folders below the root, each durable in its parent. Never the root itself: it may be a mount that is gone. */
  #makeFolders(key: string): void {
    const segments = key.split("/").slice(0, -1);
    let folder = this.#root;
    for (const segment of segments) {
      const parent = folder;
      folder = `${parent}/${segment}`;
      if (existsSync(folder)) continue;
      try {
        mkdirSync(folder);
      } catch (error) {
        if (errorCodeOf(error) !== "EEXIST") throw error;
      }
      syncFolder(parent);
    }
  }

  #temporaryPath(): string {
    const folder = `${this.#root}/${TEMPORARY}`;
    attempt(folder, "unavailable", () => {
      if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
    });
    if (this.#temporaryNumber === 0) this.#writer.probe(`${folder}/${this.#temporaryPrefix}0`);
    this.#temporaryNumber += 1;
    return `${folder}/${this.#temporaryPrefix}${this.#temporaryNumber}`;
  }

  /** In the order of the keys: a folder's name counts with its slash. */
  #collect(folder: string, prefix: string, after: string, countMax: number, keys: string[]): void {
    const entries = readdirSync(`${this.#root}/${folder}`, { withFileTypes: true });
    const ours = entries.filter(({ name }) => !name.startsWith(".") && isOurs(name));
    const paths = ours.map((entry) => (entry.isDirectory() ? `${folder}${entry.name}/` : `${folder}${entry.name}`)).sort();
    for (const path of paths) {
      if (keys.length >= countMax) return;
      const front = path.slice(0, prefix.length);
      if (!path.endsWith("/")) {
        if (path > after && path.startsWith(prefix)) keys.push(path);
      } else if (prefix.startsWith(front) && (path > after || after.startsWith(path))) this.#collect(path, prefix, after, countMax, keys);
    }
  }

  #mustBeThere(): void {
    attempt(this.#root, "unavailable", () => {
      if (!existsSync(`${this.#root}/${MARKER}`))
        throw new ObjectStoreError("unavailable", `the directory of objects is not there: ${this.#root}`);
    });
  }
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Empty when it lies in none. */
function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Of a dead process of this machine, or very old. A file of our own number was left by an earlier process with it. */
function isAbandoned(name: string, path: string, nowMs: number): boolean {
  const [, host, pid] = /^(.*)\.(\d+)\.\d+$/.exec(name) ?? [];
  if (host === hostname() && pid !== undefined) return Number(pid) === process.pid || !isAlive(Number(pid));
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && nowMs - stats.mtimeMs > OBJECT_TEMPORARY_AGE_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCodeOf(error) === "EPERM";
  }
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // The file is deleted at the next start.
  }
}
