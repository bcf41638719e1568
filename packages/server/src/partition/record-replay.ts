import { Buffer } from "node:buffer";
import * as batch from "@tidemq/protocol/record-batch.ts";
import type { WalPartition } from "../wal/wal.ts";
import { REPLAY_READ_BYTES, REPLAY_TURN_BYTES } from "./limits.ts";
import type { RecordFold, RecordFolds } from "./record-fold.ts";

/** The fold that a base carries; an empty one where nothing was ever written. @throws QueueError CORRUPT_RECORD */
export async function foldOfBytes(folds: RecordFolds, bytes: Uint8Array | undefined, pause: () => Promise<void>): Promise<RecordFold> {
  return bytes === undefined ? folds.empty() : folds.decode(bytes, pause);
}

/**
 * Applies the batches of the log in [from, to). What a person gave up is passed over.
 * @throws QueueError CORRUPT_RECORD where the log is damaged, OFFSET_OUT_OF_RANGE where it no longer has them.
 */
export async function replayRecords(
  fold: RecordFold,
  wal: WalPartition,
  from: number,
  to: number,
  pause: () => Promise<void>,
): Promise<void> {
  for (let at = from; at < to; ) {
    const { truncations } = wal;
    const slices = await wal.readForUpload(at, to, REPLAY_READ_BYTES);
    // A copy: the log's memory is used again, and shared with another thread.
    const bytes = Buffer.concat(slices.pieces);
    slices.hold?.release();
    // A read during which the log was cut gives nothing, also of what is left of it.
    if (bytes.byteLength === 0 && slices.nextOffset <= at && wal.truncations === truncations) return;
    await applyBatches(fold, bytes, at, pause);
    at = slices.nextOffset;
    if (bytes.byteLength === 0) await pause();
  }
}

async function applyBatches(fold: RecordFold, bytes: Buffer, from: number, pause: () => Promise<void>): Promise<void> {
  let pauseAt = REPLAY_TURN_BYTES;
  for (let position = 0; position < bytes.byteLength; ) {
    const size = batch.batchBytes(bytes, position);
    if (batch.baseOffset(bytes, position) >= from) fold.apply(bytes.subarray(position, position + size));
    position += size;
    if (position < pauseAt && position < bytes.byteLength) continue;
    pauseAt = position + REPLAY_TURN_BYTES;
    await pause();
  }
}
