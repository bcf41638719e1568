import type { MetadataReader } from "../metadata-log/metadata-log.ts";
import type { Moved } from "../metadata-log/moved.ts";

export type PlaceKind = "folder" | "bucket" | "file";

/** Metadata as it was found in a place. */
export interface FoundMetadata {
  readonly clusterId: string;
  /** Of the log, which a snapshot may reach beyond. */
  readonly firstIndex: number;
  /** Version of each format, by what has it; complete when all was read. */
  readonly formats: Readonly<Record<string, number>>;
  readonly log: MetadataReader;
  /** It went elsewhere; known when all was read. */
  readonly moved: Moved | undefined;
  /** What a file says of itself. */
  readonly hashWhenWritten?: string;
  /** How old the snapshot of this index is; undefined: nobody knows. */
  snapshotAgeMs(index: number): Promise<number | undefined>;
  close(): Promise<void>;
}

/** A place to read metadata from. */
export interface MetadataSource {
  /** As the person gave it, made absolute. */
  readonly name: string;
  readonly kind: PlaceKind;
  /** Whether a process has it; undefined: that cannot be told. */
  isRunning(): boolean | undefined;
  /** Undefined: there is none. @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT, START_REFUSED. */
  find(): Promise<FoundMetadata | undefined>;
}

/** A place that metadata can leave. */
export interface MovableSource extends MetadataSource {
  /** @param newestIndex What was read of it. @throws {QueueError} START_REFUSED: somebody writes there. */
  checkStopped(newestIndex: number): Promise<void>;
  /**
   * Durable on return: nobody goes on with the log there.
   * @returns Takes that back; undefined: it cannot be.
   * @throws {QueueError} START_REFUSED: somebody wrote there.
   */
  retire(clusterId: string, moved: Moved): Promise<(() => Promise<void>) | undefined>;
}

/** `clusterId`: of the metadata that stand there. */
export type Occupant = Readonly<{ what: string; clusterId: string | undefined }>;

/** A place for metadata that come from elsewhere. */
export interface MetadataTarget {
  readonly name: string;
  /** What stands in the way of metadata of this cluster; copies that were not finished do not. */
  occupant(clusterId: string): Promise<Occupant | undefined>;
  /** Writes everything, which counts for nothing yet. Durable on return. */
  prepare(from: Readonly<{ clusterId: string; index: number; name: string }>, pieces: AsyncIterable<Uint8Array>): Promise<PreparedCopy>;
  /** What a person should know before the cluster starts from there. */
  advice(clusterId: string, objects: number): Promise<string | undefined>;
}

/** Metadata that counts when it is activated. */
export interface PreparedCopy {
  /** Reads it anew. */
  open(): Promise<Readonly<{ log: MetadataReader; close(): Promise<void> }>>;
  /** From now on it counts. @returns False: another cluster came first, and it will never count. @throws {QueueError} */
  activate(): Promise<boolean>;
}

/** A place that metadata can leave and come to. */
export type MetadataPlace = MovableSource & MetadataTarget;
