import { BATCH_HEADER_BYTES, updateBatchCrc } from "@tidemq/protocol/record-batch.ts";

/** A batch as a producer sends it: right in every checked field, its body filled with `seed`. */
export function producedBatch(bytes: number, count: number, seed: number): Buffer {
  const batch = Buffer.alloc(Math.max(bytes, BATCH_HEADER_BYTES), seed & 0xff);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.byteLength - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch[16] = 2;
  batch.writeInt16BE(0, 21);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(BigInt(seed), 27);
  batch.writeBigInt64BE(BigInt(seed), 35);
  batch.writeBigInt64BE(-1n, 43);
  batch.writeInt16BE(-1, 51);
  batch.writeInt32BE(-1, 53);
  batch.writeInt32BE(count, 57);
  updateBatchCrc(batch, 0);
  return batch;
}

/** The batch as it is stored: base offset and leader epoch written in. */
export function storedBatch(batch: Buffer, baseOffset: number, leaderEpoch: number): Buffer {
  const stored = Buffer.from(batch);
  stored.writeBigInt64BE(BigInt(baseOffset), 0);
  stored.writeInt32BE(leaderEpoch, 12);
  return stored;
}
