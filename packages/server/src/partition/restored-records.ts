import { assert, must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { isAcceptedLoss } from "../cluster/accepted-losses.ts";
import type { PartitionState } from "../cluster/cluster-state.ts";
import type { HeaderFold } from "./header-fold.ts";
import type { Partition } from "./partition.ts";
import type { RecordFold, RecordFolds } from "./record-fold.ts";
import { foldOfBytes, replayRecords } from "./record-replay.ts";
import { baseOfObject, type FoldSource } from "./restored-folds.ts";

type Pause = () => Promise<void>;

/** The fold of the records at uploadedEnd, and its bytes as a base keeps them. */
export type BaseRecords = Readonly<{ fold: RecordFold; bytes: Uint8Array }>;

/** The fold of the records at the end of the log, and what the base at `uploadedEnd` has of it; where all of these were when it was begun. */
export type RestoredRecords = BaseRecords & Readonly<{ base: HeaderFold; uploadedEnd: number; logEnd: number }>;

/**
 * Makes the fold of an internal partition's records after a start, at the end of its log, which is durable. It is of use if nothing was appended
 * or uploaded meanwhile. Undefined when a part of it is lost: then the partition stays as it is until a person gives that part up.
 * @throws QueueError OBJECT_STORAGE_UNAVAILABLE: try again.
 */
export async function restoredRecords(
  source: FoldSource,
  state: PartitionState,
  partition: Partition,
  pause: Pause,
): Promise<RestoredRecords | undefined> {
  const { base, wal, uploadedEnd, logEnd } = partition;
  assert(wal.durableEnd === logEnd, `what ${partition.name} has not synced cannot be read`);
  const found = await baseRecords(source, state, partition, pause);
  if (found === undefined) return undefined;
  const isWhole = await unlessDamaged(source, partition, () => replayRecords(found.fold, wal, uploadedEnd, logEnd, pause));
  return isWhole ? { ...found, base, uploadedEnd, logEnd } : undefined;
}

/**
 * From the base that the log has and what follows it, else from the object that ends at uploadedEnd. Undefined: a part of it is lost.
 * @throws QueueError OBJECT_STORAGE_UNAVAILABLE: try again.
 */
export async function baseRecords(
  source: FoldSource,
  state: PartitionState,
  partition: Partition,
  pause: Pause,
): Promise<BaseRecords | undefined> {
  const folds = must(partition.recordFolds, "how records are folded");
  const fold = (await ofLog(source, partition, folds, pause)) ?? (await ofObject(source, state, partition, folds, pause));
  return fold && { fold, bytes: await fold.encode(pause) };
}

/** The fold at uploadedEnd from the base in the log; undefined when that has none, or not all that follows it. */
async function ofLog(source: FoldSource, partition: Partition, folds: RecordFolds, pause: Pause): Promise<RecordFold | undefined> {
  const { base, wal, uploadedEnd } = partition;
  const from = base.records === undefined ? 0 : base.recordsEnd;
  if (from < wal.logEnd && wal.firstOffset > from) return undefined;
  let fold: RecordFold | undefined;
  const isWhole = await unlessDamaged(source, partition, async () => {
    fold = await foldOfBytes(folds, base.records, pause);
    await replayRecords(fold, wal, from, uploadedEnd, pause);
  });
  return isWhole ? fold : undefined;
}

async function ofObject(
  source: FoldSource,
  state: PartitionState,
  partition: Partition,
  folds: RecordFolds,
  pause: Pause,
): Promise<RecordFold | undefined> {
  const { uploadedEnd } = partition;
  const base = await baseOfObject(source, { ...state, uploadedEnd });
  const end = base?.nextOffset ?? 0;
  const isJoined = end === uploadedEnd || isAcceptedLoss(state, Math.max(end, state.logStart), uploadedEnd);
  if (!isJoined || (end > 0 && base?.records === undefined)) return undefined;
  let fold: RecordFold | undefined;
  const isWhole = await unlessDamaged(source, partition, async () => {
    fold = await foldOfBytes(folds, base?.records, pause);
  });
  return isWhole ? fold : undefined;
}

async function unlessDamaged({ log }: FoldSource, { name }: Partition, run: () => Promise<void>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    if (!(error instanceof QueueError && (error.code === "CORRUPT_RECORD" || error.code === "OFFSET_OUT_OF_RANGE"))) throw error;
    log.warn("entries of an internal partition cannot be read here", { partition: name, reason: error.message });
    return false;
  }
}
