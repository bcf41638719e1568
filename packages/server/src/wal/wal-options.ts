import type { Clock } from "../io/clock.ts";
import type { Disk } from "../io/disk.ts";
import type { Random } from "../io/random.ts";
import type { Log } from "../telemetry/log.ts";
import { BASE_CHUNK_BYTES_MAX, BATCH_BYTES_MAX, ENTRY_BYTES_RESERVED, FILE_SLACK_BYTES, FILES_MAX, FILES_MIN } from "./limits.ts";
import type { WalPartition } from "./wal-partition.ts";

export type WalOptions = Readonly<{
  /** Path in the data folder, "wal". */
  folder: string;
  /** Size of every file; a multiple of `slabBytes`. Fixed when the log is made. */
  fileBytes: number;
  /** Size of all files. */
  capacityBytes: number;
  /** Acknowledge only after a sync. Else a group counts when the kernel has it. */
  sync: boolean;
  /** Without `sync`: how long written groups may stay unsynced. */
  flushIntervalMs: number;
  slabBytes: number;
  slabBudgetBytes: number;
  /** For the header indexes of all partitions; beyond it uploads are urgent (`occupancy().indexFull`). */
  indexBytesMax: number;
}>;

export type WalParts = Readonly<{
  disk: Disk;
  clock: Clock;
  random: Random;
  log: Log;
  /** A write or sync failed: nothing is known about the disk any more. Called once; ends the process. */
  fatal(error: Error): void;
  /** False: what its batches made is not known yet; what a base of it would stand for stays. */
  hasBase(partition: WalPartition): boolean;
  /** Asked when a file is to be emptied: the fold's base of that partition at its current `uploadedEnd`. Synchronous. */
  baseOf(partition: WalPartition): Uint8Array;
  /** After each durable group, once per partition in it; its `durableEnd` has moved. */
  durable(partition: WalPartition): void;
  /** After all `durable` calls of one write. */
  groupDone(): void;
  /** A check of stored bytes failed: the partition has more holes than before. */
  damaged(partition: WalPartition): void;
}>;

/** What the metadata log says of a partition that this broker hosts; undefined: it hosts no such partition. */
export type Hosted = (partitionId: number) => Readonly<{ uploadedEnd: number; logStart: number }> | undefined;

export type OffsetRange = Readonly<{ from: number; to: number }>;

/** A start that must not go on; the message names the remedy. */
export class WalOpenError extends Error {
  override readonly name = "WalOpenError";
}

/** Largest group: half a file, so that what is written but not synced never exceeds one. */
export function groupBytesMax(options: WalOptions): number {
  return options.fileBytes / 2 - FILE_SLACK_BYTES / 2;
}

/** Largest batch that `append` takes. */
export function batchBytesMax(options: WalOptions): number {
  return Math.min(BATCH_BYTES_MAX, groupBytesMax(options) - ENTRY_BYTES_RESERVED);
}

/** Largest chunk of a base. */
export function baseChunkBytesMax(options: WalOptions): number {
  return Math.min(BASE_CHUNK_BYTES_MAX, batchBytesMax(options));
}

/** @throws {WalOpenError} If the sizes do not fit together. */
export function checkWalOptions(options: WalOptions): void {
  const { fileBytes, slabBytes, capacityBytes } = options;
  const files = Math.floor(capacityBytes / fileBytes);
  if (slabBytes % FILE_SLACK_BYTES !== 0) throw new WalOpenError(`slab size must be a multiple of 64 KiB. slabBytes=${slabBytes}`);
  if (fileBytes % slabBytes !== 0) throw new WalOpenError(`file size must be a multiple of the slab size. fileBytes=${fileBytes}`);
  if (fileBytes < 4 * FILE_SLACK_BYTES) throw new WalOpenError(`file size must be at least 256 KiB. fileBytes=${fileBytes}`);
  if (files < FILES_MIN)
    throw new WalOpenError(`capacity must be at least ${FILES_MIN} files. capacityBytes=${capacityBytes} fileBytes=${fileBytes}`);
  if (files > FILES_MAX)
    throw new WalOpenError(`capacity must be at most ${FILES_MAX} files: make files larger. capacityBytes=${capacityBytes}`);
}
