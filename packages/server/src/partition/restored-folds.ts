import * as batch from "@tidemq/protocol/record-batch.ts";
import { QueueError } from "../base/errors.ts";
import type { PartitionState } from "../cluster/cluster-state.ts";
import type { Log } from "../telemetry/log.ts";
import type { RemoteReader } from "../tier/remote-reader.ts";
import { ObjectMissingError } from "../tier/store-read.ts";
import type { RecoveredPartition } from "../wal/wal.ts";
import { applyBehind, HeaderFold } from "./header-fold.ts";
import { decodeHeaderFold } from "./header-fold-codec.ts";

/** The folds of a partition after a start: `base` ends at uploadedEnd, `live` at the log's end. */
export type RestoredFolds = Readonly<{
  base: HeaderFold;
  live: HeaderFold;
  /** Append time of the oldest batch that is not uploaded; undefined: there is none. */
  oldestPendingMs: number | undefined;
  /** Nothing of them is missing that another replica's can have. */
  isWhole: boolean;
}>;

/** Where folds come from when the log does not have them. */
export type FoldSource = Readonly<{ remote: RemoteReader; log: Log }>;

type WhereUploaded = Pick<PartitionState, "id" | "topic" | "index" | "uploadedEnd">;

/** Whether a recovered log has nothing of the partition that is of any use: nothing at all, or its end is lost, and was uploaded. */
export function isEmptyLog({ base, partition }: RecoveredPartition): boolean {
  if (partition.logEnd < partition.uploadedEnd) return true;
  return base === undefined && partition.firstOffset === partition.logEnd && partition.logEnd === partition.uploadedEnd;
}

/**
 * Base and tail as the log has them; where it lacks something, the base of the object that ends at uploadedEnd. When that cannot be read now,
 * what there is, marked as incomplete, provided that others have it.
 *
 * @throws {QueueError} OBJECT_STORAGE_UNAVAILABLE: try again, as nobody else has it.
 */
export async function foldsOfLog(
  source: FoldSource,
  state: PartitionState,
  found: RecoveredPartition,
  isElsewhere: () => boolean,
): Promise<RestoredFolds> {
  const { base, baseDamaged, partition } = found;
  const start = base === undefined ? new HeaderFold(0) : decodeHeaderFold(base.bytes);
  let folds = await replayed(found, start, state.uploadedEnd);
  const hasNoBase = base === undefined && (baseDamaged || partition.firstOffset > 0);
  const lacksSome = hasNoBase || (folds.base.incomplete && !start.incomplete);
  let wasIncomplete = start.incomplete;
  if (lacksSome || folds.base.nextOffset < state.uploadedEnd) {
    const uploaded = await baseOfObject(source, state).catch((error: unknown) => {
      if (!(error instanceof QueueError && isElsewhere())) throw error;
    });
    if (uploaded !== undefined && (lacksSome || uploaded.nextOffset > folds.base.nextOffset)) {
      wasIncomplete = uploaded.incomplete;
      folds = await replayed(found, uploaded, state.uploadedEnd);
    } else if (hasNoBase) folds.base.incomplete = folds.live.incomplete = true;
  }
  skipTo(folds.base, state.uploadedEnd);
  skipTo(folds.live, Math.max(state.uploadedEnd, partition.logEnd));
  return { ...folds, isWhole: wasIncomplete || !folds.live.incomplete };
}

/**
 * The base at uploadedEnd, out of object storage alone; incomplete when no object has it any more.
 * @throws {QueueError} OBJECT_STORAGE_UNAVAILABLE: try again.
 */
export async function foldOfObject(source: FoldSource, state: PartitionState): Promise<HeaderFold> {
  const { uploadedEnd } = state;
  const base = (await baseOfObject(source, state)) ?? new HeaderFold(0);
  skipTo(base, uploadedEnd);
  return base;
}

/** The newest base that an object carries; undefined when there is none that can be used. Throws when asking again may help. */
export async function baseOfObject({ remote, log }: FoldSource, state: WhereUploaded): Promise<HeaderFold | undefined> {
  const { id, topic, index, uploadedEnd } = state;
  let reason = "no object has it";
  try {
    const found = await remote.base(id, uploadedEnd);
    if (found !== undefined) return decodeHeaderFold(found.bytes);
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    if (error.code === "OBJECT_STORAGE_UNAVAILABLE" && !(error instanceof ObjectMissingError)) throw error;
    reason = error.message;
  }
  log.warn("what a partition remembers of what it uploaded is lost: duplicates of producers may not be noticed", {
    partition: `${topic}-${index}`,
    uploadedEnd,
    reason,
  });
  return undefined;
}

/** One pass over the headers in the log. */
async function replayed(found: RecoveredPartition, base: HeaderFold, uploadedEnd: number): Promise<Omit<RestoredFolds, "isWhole">> {
  const live = base.copy();
  let oldestPendingMs: number | undefined;
  await found.replay((header, _address, appendTimeMs) => {
    const isUploaded = batch.baseOffset(header, 0) < uploadedEnd;
    if (isUploaded) applyBehind(base, header, appendTimeMs);
    else oldestPendingMs ??= appendTimeMs;
    applyBehind(live, header, appendTimeMs);
  });
  return { base, live, oldestPendingMs };
}

function skipTo(fold: HeaderFold, offset: number): void {
  if (fold.nextOffset < offset) fold.skipTo(offset);
}
