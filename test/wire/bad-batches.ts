import { Buffer } from "node:buffer";
import { COMPRESSIONS } from "@tidemq/protocol/compression.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { buildBatch, buildControlBatch, type RecordInput } from "@tidemq/protocol/record-batch-builder.ts";

/** What a producer might send for one partition, and should not have. */
export type BadBatch = Readonly<{ name: string; bytes: Buffer; transactionalId?: string }>;

/**
 * One batch per kind of fault, all of them otherwise right, checksum included unless that is the fault.
 *
 * @param nowMs Present time: old records would fall to retention.
 */
export function badBatches(nowMs: number): readonly BadBatch[] {
  const records: RecordInput[] = [0, 1, 2].map((i) => ({
    timestampMs: nowMs + i,
    key: Buffer.from(`k${i}`),
    value: Buffer.from(`value-${i}`),
  }));
  const good = Buffer.from(buildBatch(records));
  const idempotent = Buffer.from(buildBatch(records, { producerId: 4000, producerEpoch: 0, baseSequence: 0 }));
  const changed = (name: string, original: Buffer, change: (bytes: Buffer) => Buffer | undefined, keepCrc = false): BadBatch => {
    const copy = Buffer.from(original);
    const bytes = change(copy) ?? copy;
    if (!keepCrc && bytes.length >= batch.BATCH_HEADER_BYTES && batch.batchBytes(bytes, 0) === bytes.length) batch.updateBatchCrc(bytes, 0);
    return { name, bytes };
  };
  const field16 = (name: string, value: number, at: number, original = good): BadBatch =>
    changed(name, original, (bytes) => void bytes.writeInt16BE(value, at));
  const field32 = (name: string, value: number, at: number, original = good): BadBatch =>
    changed(name, original, (bytes) => void bytes.writeInt32BE(value, at));
  const field64 = (name: string, value: bigint, at: number, original = good): BadBatch =>
    changed(name, original, (bytes) => void bytes.writeBigInt64BE(value, at));
  return [
    { name: "fine", bytes: good },
    { name: "empty", bytes: Buffer.alloc(0) },
    { name: "two batches", bytes: Buffer.concat([good, good]) },
    { name: "a batch and half of another", bytes: Buffer.concat([good, good.subarray(0, 40)]) },
    { name: "cut off in the header", bytes: good.subarray(0, 40) },
    { name: "cut off before the format", bytes: good.subarray(0, 14) },
    { name: "cut off in the records", bytes: good.subarray(0, good.length - 3) },
    changed("wrong checksum", good, (bytes) => void bytes.writeInt32BE(1, batch.CRC_AT), true),
    changed("flipped bit", good, (bytes) => void (bytes[70] = (bytes[70] as number) ^ 4), true),
    changed("format 1", good, (bytes) => void bytes.writeInt8(1, batch.MAGIC_AT)),
    changed("format 0", good, (bytes) => void bytes.writeInt8(0, batch.MAGIC_AT)),
    changed("format 3", good, (bytes) => void bytes.writeInt8(3, batch.MAGIC_AT)),
    changed("format -1", good, (bytes) => void bytes.writeInt8(-1, batch.MAGIC_AT)),
    field32("length 0", 0, batch.BATCH_LENGTH_AT),
    field32("length 20", 20, batch.BATCH_LENGTH_AT),
    field32("negative length", -1, batch.BATCH_LENGTH_AT),
    field32("length too large", good.length, batch.BATCH_LENGTH_AT),
    field16("codec 5", 5, batch.ATTRIBUTES_AT),
    field16("codec 7", 7, batch.ATTRIBUTES_AT),
    field16("unknown attribute bit", 0x80, batch.ATTRIBUTES_AT),
    field16("log append time set by the client", batch.LOG_APPEND_TIME_BIT, batch.ATTRIBUTES_AT),
    field16("control batch", batch.CONTROL_BIT, batch.ATTRIBUTES_AT),
    field16("transactional without producer", batch.TRANSACTIONAL_BIT, batch.ATTRIBUTES_AT),
    {
      name: "control batch that is complete",
      bytes: Buffer.from(
        buildControlBatch({ type: "commit", coordinatorEpoch: 0 }, { producerId: 4000, producerEpoch: 0, timestampMs: nowMs }),
      ),
    },
    field32("no records", 0, batch.RECORD_COUNT_AT),
    field32("negative count", -1, batch.RECORD_COUNT_AT),
    field32("count too large", 4, batch.RECORD_COUNT_AT),
    field32("count too small", 2, batch.RECORD_COUNT_AT),
    field32("last offset delta too large", 9, batch.LAST_OFFSET_DELTA_AT),
    field32("last offset delta negative", -1, batch.LAST_OFFSET_DELTA_AT),
    changed("count and delta agree on one too many", good, (bytes) => {
      bytes.writeInt32BE(3, batch.LAST_OFFSET_DELTA_AT);
      bytes.writeInt32BE(4, batch.RECORD_COUNT_AT);
      return bytes;
    }),
    changed("count and delta agree on one too few", good, (bytes) => {
      bytes.writeInt32BE(1, batch.LAST_OFFSET_DELTA_AT);
      bytes.writeInt32BE(2, batch.RECORD_COUNT_AT);
      return bytes;
    }),
    field64("base timestamp beyond all time", 2n ** 62n, batch.BASE_TIMESTAMP_AT),
    field64("negative base timestamp", -5n, batch.BASE_TIMESTAMP_AT),
    field64("max timestamp beyond all time", 2n ** 62n, batch.MAX_TIMESTAMP_AT),
    field64("base timestamp in a year's time", BigInt(nowMs + 366 * 86_400_000), batch.BASE_TIMESTAMP_AT),
    field64("producer id -2", -2n, batch.PRODUCER_ID_AT),
    field16("producer without epoch", -1, batch.PRODUCER_EPOCH_AT, idempotent),
    field32("producer without sequence", -1, batch.BASE_SEQUENCE_AT, idempotent),
    field32("epoch and sequence without producer", 0, batch.BASE_SEQUENCE_AT),
    field64("base offset 77", 77n, batch.BASE_OFFSET_AT),
    field64("base offset -1", -1n, batch.BASE_OFFSET_AT),
    changed("record longer than the batch", good, (bytes) => void (bytes[batch.BATCH_HEADER_BYTES] = 0x7e)),
    changed("record of negative length", good, (bytes) => void (bytes[batch.BATCH_HEADER_BYTES] = 0x03)),
    changed("record with an attribute", good, (bytes) => void (bytes[batch.BATCH_HEADER_BYTES + 1] = 1)),
    changed("first record with offset delta 1", good, (bytes) => void (bytes[batch.BATCH_HEADER_BYTES + 3] = 2)),
    changed("key longer than the record", good, (bytes) => void (bytes[batch.BATCH_HEADER_BYTES + 4] = 0x7e)),
    changed("bytes after the last record", good, (bytes) => {
      const longer = Buffer.concat([bytes, Buffer.alloc(5, 1)]);
      longer.writeInt32BE(longer.length - batch.BATCH_OVERHEAD_BYTES, batch.BATCH_LENGTH_AT);
      return longer;
    }),
    ...COMPRESSIONS.slice(1).flatMap((compression) => {
      const packed = Buffer.from(buildBatch(records, { compression }));
      return [
        { name: `fine ${compression}`, bytes: packed },
        changed(`damaged ${compression}`, packed, (bytes) => void bytes.fill(0xa5, batch.BATCH_HEADER_BYTES + 2)),
        changed(`damaged tail of ${compression}`, packed, (bytes) => void bytes.fill(0xa5, bytes.length - 6)),
        changed(`${compression} with one record too many in the header`, packed, (bytes) => {
          bytes.writeInt32BE(3, batch.LAST_OFFSET_DELTA_AT);
          bytes.writeInt32BE(4, batch.RECORD_COUNT_AT);
          return bytes;
        }),
        changed(
          `uncompressed, but says ${compression}`,
          good,
          (bytes) => void bytes.writeInt16BE(COMPRESSIONS.indexOf(compression), batch.ATTRIBUTES_AT),
        ),
      ];
    }),
  ];
}
