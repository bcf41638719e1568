import { basename, dirname, resolve } from "node:path";
import { QueueError } from "../base/errors.ts";
import { loadStartConfig } from "../config/load-config.ts";
import { formatObjectStorage } from "../config/option-types.ts";
import type { Environment } from "../config/read-environment.ts";
import type { StartConfig } from "../config/server-config.ts";
import { RealClock } from "../io/real/clock.ts";
import { DataFolder, kindOfPath } from "../io/real/data-folder.ts";
import { FolderInUseError, FolderLock } from "../io/real/lock.ts";
import { createLog } from "../io/real/log.ts";
import { RealRandom } from "../io/real/random.ts";
import { BucketPlace } from "../operations/bucket-place.ts";
import { FilePlace } from "../operations/file-place.ts";
import { FolderPlace } from "../operations/folder-place.ts";
import type { MetadataPlace, MetadataSource } from "../operations/metadata-place.ts";
import { openObjectStore } from "./open-object-store.ts";

/** Which options say more about a store of each kind. */
const STORE_OPTIONS = {
  dir: [],
  s3: ["s3-endpoint", "s3-region", "s3-path-style"],
  gs: ["gcs-endpoint"],
  az: ["azure-endpoint"],
} as const;

const BUCKET = /^(dir|s3|gs|az):/;
const FILE_NAME = /^(?!lock$)[A-Za-z0-9_-][A-Za-z0-9._-]{0,123}$/;

/** `options`: those of `tidemq start` about stores, by name; they count for each place that is of their kind. */
export type PlaceInputs = Readonly<{ options: Readonly<Record<string, string>>; environment: Environment }>;

/** Places of metadata on this machine and in buckets, as a person names them. What is opened stays open until `close`. */
export class MetadataPlaces {
  readonly clock = new RealClock();
  readonly #random = new RealRandom();
  readonly #inputs: PlaceInputs;
  readonly #closing: (() => Promise<void> | void)[] = [];

  constructor(inputs: PlaceInputs) {
    this.#inputs = inputs;
  }

  /** The place by its whole name: the same for the same place. @throws {ConfigError} */
  nameOf(text: string): string {
    return BUCKET.test(text) ? bucketName(this.#storeConfig(text)) : resolve(text);
  }

  /** To be read only, while a process may have it. @throws {QueueError} INVALID_REQUEST: there is no such place. */
  async source(text: string): Promise<MetadataSource> {
    if (BUCKET.test(text)) return this.#existingBucket(text);
    const kind = await kindOfPath(text);
    if (kind === "nothing")
      throw new QueueError("INVALID_REQUEST", `there is no ${resolve(text)}: name ${WHAT_PLACES_ARE}, or a snapshot file`);
    if (kind === "file") return this.#file(text);
    return this.#folder(text, () => FolderLock.isHeld(text));
  }

  /** To be moved: nobody else has it. @throws {QueueError} INVALID_REQUEST, START_REFUSED: a server has it. */
  async movable(text: string): Promise<MetadataPlace> {
    if (BUCKET.test(text)) return this.#existingBucket(text);
    const kind = await kindOfPath(text);
    if (kind === "file")
      throw new QueueError("INVALID_REQUEST", `${text} is a file: a snapshot is described, not copied; name ${WHAT_PLACES_ARE}`);
    // A lock would leave a file in whatever folder was named.
    if ((await kindOfPath(`${text}/meta`)) !== "folder")
      throw new QueueError("INVALID_REQUEST", `there is no metadata in ${resolve(text)}: name ${WHAT_PLACES_ARE}`);
    this.#lock(text);
    return this.#folder(text, () => false);
  }

  /** For metadata from elsewhere. @param isDry Nothing is made there. @throws {QueueError} START_REFUSED: a server has it. */
  async target(text: string, isDry: boolean): Promise<MetadataPlace> {
    if (BUCKET.test(text)) return isDry ? this.#dryBucket(text) : this.#bucket(text, true);
    const kind = await kindOfPath(text);
    if (kind === "file") throw new QueueError("INVALID_REQUEST", `${text} is a file: name ${WHAT_PLACES_ARE}`);
    if (!isDry) this.#lock(text);
    return this.#folder(text, () => false, isDry);
  }

  /** A snapshot file that is to be made. @throws {QueueError} INVALID_REQUEST */
  async newFile(text: string): Promise<FilePlace> {
    if (BUCKET.test(text)) throw new QueueError("INVALID_REQUEST", `${text} is no file: name one on this machine`);
    if ((await kindOfPath(text)) !== "nothing")
      throw new QueueError("INVALID_REQUEST", `${text} exists: choose another name, or remove it first`);
    return this.#file(text);
  }

  /** Gives back locks, ends threads. */
  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
  }

  async #existingBucket(text: string): Promise<MetadataPlace> {
    const { objectStorage } = this.#storeConfig(text);
    if (objectStorage.kind === "dir" && (await kindOfPath(objectStorage.path)) === "nothing")
      throw new QueueError("INVALID_REQUEST", `there is no ${resolve(objectStorage.path)}: name ${WHAT_PLACES_ARE}`);
    return this.#bucket(text, false);
  }

  /** A folder that would be made is empty, whatever it is for. */
  async #dryBucket(text: string): Promise<MetadataPlace> {
    const config = this.#storeConfig(text);
    const { objectStorage } = config;
    if (objectStorage.kind !== "dir" || (await kindOfPath(objectStorage.path)) !== "nothing") return this.#bucket(text, false);
    return this.#folder(objectStorage.path, () => false, true);
  }

  #bucket(text: string, mayMake: boolean): BucketPlace {
    const config = this.#storeConfig(text);
    const store = openObjectStore(config, mayMake);
    this.#closing.push(() => store.close());
    const logger = createLog({ level: "warn", format: "auto" });
    return new BucketPlace({ name: bucketName(config), store, clock: this.clock, random: this.#random, logger });
  }

  /** As `tidemq start` reads it, with what is said about stores of this kind only. @throws {ConfigError} */
  #storeConfig(text: string): StartConfig {
    const { options, environment } = this.#inputs;
    const kind = (BUCKET.exec(text)?.[1] ?? "dir") as keyof typeof STORE_OPTIONS;
    const names: readonly string[] = STORE_OPTIONS[kind];
    const given = names.flatMap((name) => (options[name] === undefined ? [] : [`--${name}=${options[name]}`]));
    const variables = names.map((name) => `TIDEMQ_${name.toUpperCase().replaceAll("-", "_")}`);
    return loadStartConfig({
      args: [`--object-storage=${text}`, ...given],
      environment: Object.fromEntries(variables.map((variable) => [variable, environment[variable]])),
      readText: () => "",
    });
  }

  /** @param mayBeMissing A folder that is not there is as good as an empty one, and not made. */
  async #folder(text: string, isRunning: () => boolean | undefined, mayBeMissing = false): Promise<FolderPlace> {
    const disk = mayBeMissing ? DataFolder.openAsIs(text) : await DataFolder.openExisting(text);
    this.#closing.push(() => disk.close());
    const ageMs = async (path: string): Promise<number | undefined> => {
      const modifiedMs = await disk.modifiedMs(path);
      return modifiedMs === undefined ? undefined : Math.max(0, this.clock.wallMs() - modifiedMs);
    };
    return new FolderPlace({ name: disk.root, disk, random: this.#random, isRunning, ageMs });
  }

  async #file(text: string): Promise<FilePlace> {
    const path = basename(text);
    if (!FILE_NAME.test(path))
      throw new QueueError("INVALID_REQUEST", `${JSON.stringify(path)} is no name for a snapshot file: use letters, digits, . _ and -`);
    const disk = await DataFolder.openExisting(dirname(resolve(text)));
    this.#closing.push(() => disk.close());
    return new FilePlace({ name: resolve(text), disk, path, clock: this.clock });
  }

  #lock(text: string): void {
    try {
      const lock = FolderLock.acquire(text);
      this.#closing.push(() => lock.release());
    } catch (error) {
      if (!(error instanceof FolderInUseError)) throw error;
      throw new QueueError("START_REFUSED", `${resolve(text)} is in use by another process: stop the server first`, { cause: error });
    }
  }
}

function bucketName({ objectStorage }: StartConfig): string {
  return formatObjectStorage(objectStorage.kind === "dir" ? { ...objectStorage, path: resolve(objectStorage.path) } : objectStorage);
}

const WHAT_PLACES_ARE = "the data folder of a server, or a bucket as with --object-storage";
