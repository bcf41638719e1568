import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import type { WalPartition } from "../wal/wal.ts";
import { REPLAY_READ_BYTES, REPLAY_TURN_BYTES } from "./limits.ts";
import { replayRecords } from "./record-replay.ts";

/** A log of batches of one record each, read as the real one is: whole batches, as many as the bytes allow. */
function logOf(batches: readonly Buffer[]): WalPartition {
  const readForUpload = (from: number, to: number, bytesMax: number) => {
    const pieces: Buffer[] = [];
    let [at, bytes] = [from, 0];
    for (; at < to && (bytes === 0 || bytes + (batches[at]?.byteLength ?? 0) <= bytesMax); at += 1) {
      const piece = batches[at] ?? Buffer.alloc(0);
      pieces.push(piece);
      bytes += piece.byteLength;
    }
    return Promise.resolve({ pieces, nextOffset: at, hold: undefined });
  };
  return { readForUpload } as unknown as WalPartition;
}

function batchAt(offset: number, valueBytes: number): Buffer {
  return Buffer.from(buildBatch([{ timestampMs: 1, value: Buffer.alloc(valueBytes) }], { baseOffset: offset }));
}

test("what is replayed is applied in order, a little in each turn of the loop", async () => {
  const batches = Array.from({ length: 200 }, (_, offset) => batchAt(offset, 1_000));
  const turns: number[][] = [[]];
  const fold = {
    apply: (bytes: Uint8Array) => turns.at(-1)?.push(batch.baseOffset(bytes, 0)),
    encode: () => Promise.resolve(new Uint8Array(0)),
  };
  await replayRecords({ ...fold, apply: (bytes) => void fold.apply(bytes) }, logOf(batches), 10, 190, () => {
    turns.push([]);
    return Promise.resolve();
  });
  deepEqual(
    turns.flat(),
    Array.from({ length: 180 }, (_, n) => n + 10),
  );
  const bytes = batches[0]?.byteLength ?? 0;
  for (const applied of turns) ok(applied.length * bytes <= REPLAY_TURN_BYTES + bytes);
  ok(turns.length >= (180 * bytes) / (REPLAY_TURN_BYTES + bytes));
});

test("a batch that is larger than a read, or than a turn, is applied whole", async () => {
  const batches = [batchAt(0, 10), batchAt(1, 2 * REPLAY_READ_BYTES), batchAt(2, 2 * REPLAY_TURN_BYTES), batchAt(3, 10)];
  let [applied, pauses] = [0, 0];
  const fold = { apply: () => void (applied += 1), encode: () => Promise.resolve(new Uint8Array(0)) };
  await replayRecords(fold, logOf(batches), 0, 4, () => {
    pauses += 1;
    return Promise.resolve();
  });
  equal(applied, 4);
  ok(pauses >= 3);
});

test("a log that is cut behind what is replayed, while it is read, is read again", async () => {
  const log = logOf([batchAt(0, 10), batchAt(1, 10)]);
  let truncations = 0;
  const readForUpload = (...args: Parameters<WalPartition["readForUpload"]>) => {
    if (truncations > 0) return log.readForUpload(...args);
    truncations += 1;
    return { pieces: [], bytes: 0, nextOffset: args[0], hold: undefined };
  };
  const cut = {
    readForUpload,
    get truncations() {
      return truncations;
    },
  } as unknown as WalPartition;
  let applied = 0;
  const fold = { apply: () => void (applied += 1), encode: () => Promise.resolve(new Uint8Array(0)) };
  await replayRecords(fold, cut, 0, 2, () => Promise.resolve());
  equal(applied, 2);
});
