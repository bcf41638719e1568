import type { Disk } from "../io/disk.ts";
import type { Random } from "../io/random.ts";
import { readDataFormat, writeDataFormat } from "../metadata-log/local/data-format.ts";
import { activateFolder, occupantOfFolder, prepareFolder, retireFolder } from "../metadata-log/local/incoming-log.ts";
import { LocalLogReader } from "../metadata-log/local/local-reader.ts";
import { snapshotPath } from "../metadata-log/local/snapshot-files.ts";
import type { MetadataReader } from "../metadata-log/metadata-log.ts";
import type { Moved } from "../metadata-log/moved.ts";
import type { FoundMetadata, MetadataTarget, MovableSource, Occupant, PreparedCopy } from "./metadata-place.ts";

export type FolderPlaceParts = Readonly<{
  name: string;
  disk: Disk;
  random: Random;
  /** Whether another process has the folder; undefined: that cannot be told. */
  isRunning: () => boolean | undefined;
  /** Of a file; undefined: nobody knows. */
  ageMs: (path: string) => Promise<number | undefined>;
}>;

/** A data folder. Whoever writes has its lock. */
export class FolderPlace implements MovableSource, MetadataTarget {
  readonly kind = "folder";
  readonly name: string;
  readonly #parts: FolderPlaceParts;

  constructor(parts: FolderPlaceParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  isRunning(): boolean | undefined {
    return this.#parts.isRunning();
  }

  async find(): Promise<FoundMetadata | undefined> {
    const reader = await LocalLogReader.open(this.#parts.disk);
    if (reader === undefined) return undefined;
    const { clusterId, firstIndex, formats, moved } = reader;
    const snapshotAgeMs = (index: number): Promise<number | undefined> => this.#parts.ageMs(snapshotPath(index));
    return { clusterId, firstIndex, formats, moved, log: reader, snapshotAgeMs, close: () => reader.close() };
  }

  /** The lock tells. */
  checkStopped(): Promise<void> {
    return Promise.resolve();
  }

  async retire(clusterId: string, moved: Moved): Promise<() => Promise<void>> {
    const { disk } = this.#parts;
    await retireFolder(disk, clusterId, moved);
    return () => writeDataFormat(disk, { clusterId, moved: undefined });
  }

  async occupant(clusterId: string): Promise<Occupant | undefined> {
    const { disk } = this.#parts;
    const what = await occupantOfFolder(disk, clusterId);
    if (what === undefined) return undefined;
    const format = await readDataFormat(disk);
    return { what, clusterId: format?.moved === undefined ? format?.clusterId : undefined };
  }

  async prepare(
    { clusterId, index, name }: Readonly<{ clusterId: string; index: number; name: string }>,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<PreparedCopy> {
    const { disk } = this.#parts;
    await prepareFolder(this.#parts, { clusterId, index, from: name }, pieces);
    const open = async (): Promise<Readonly<{ log: MetadataReader; close(): Promise<void> }>> => {
      const reader = await LocalLogReader.openIncoming(disk, clusterId);
      return { log: reader, close: () => reader.close() };
    };
    const activate = async (): Promise<boolean> => {
      await activateFolder(disk, clusterId);
      return true;
    };
    return { open, activate };
  }

  advice(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}
