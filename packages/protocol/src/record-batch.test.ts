import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { COMPRESSIONS, compressionId } from "./compression.ts";
import { ErrorCode } from "./error-codes.ts";
import { ProtocolError } from "./protocol-error.ts";
import { checkRecords, decodeControlMarker, decodeRecords, RecordCursor } from "./record.ts";
import * as batch from "./record-batch.ts";
import { buildBatch, buildControlBatch, RecordBatchBuilder, type RecordInput } from "./record-batch-builder.ts";

const LIMIT = 1 << 20;
const records: RecordInput[] = [
  { timestampMs: 1_700_000_000_000, key: Buffer.from("k"), value: Buffer.from("v") },
  { timestampMs: 1_699_999_999_000, key: null, value: Buffer.alloc(3000, 7), headers: [{ key: "h", value: null }] },
  { timestampMs: 1_700_000_000_500, key: Buffer.alloc(0), value: null, headers: [{ key: "ü", value: Buffer.from([1, 2]) }] },
];

test("golden bytes of a batch", () => {
  const bytes = buildBatch([{ timestampMs: 1000, key: Buffer.from("k"), value: Buffer.from("v") }], { baseOffset: 5, leaderEpoch: 3 });
  const header = "0000000000000005" + "0000003a" + "00000003" + "02";
  const rest =
    "0000" +
    "00000000" +
    "00000000000003e8".repeat(2) +
    "ffffffffffffffff" +
    "ffff" +
    "ffffffff" +
    "00000001" +
    "10" +
    "00" +
    "00" +
    "00" +
    "026b" +
    "0276" +
    "00";
  equal(bytes.byteLength, 70);
  equal(
    Buffer.from(bytes)
      .toString("hex")
      .replace(/^(.{34}).{8}/, "$1"),
    header + rest,
  );
});

for (const compression of COMPRESSIONS) {
  test(`records survive ${compression}`, () => {
    const bytes = buildBatch(records, { compression, producerId: 9, producerEpoch: 2, baseSequence: 0 });
    equal(batch.checkProducedBatch(bytes, 0, bytes.byteLength), 0);
    ok(batch.isBatchCrcRight(bytes, 0));
    equal(checkRecords(bytes, 0, LIMIT, new RecordCursor()), 0);
    equal(batch.codecId(bytes, 0), compressionId(compression));
    batch.setBaseOffset(bytes, 0, 40);
    const decoded = decodeRecords(bytes, 0, LIMIT);
    deepEqual(
      decoded.map((record) => record.offset),
      [40, 41, 42],
    );
    decoded.forEach((record, i) => {
      const sent = records[i] as RecordInput;
      equal(record.timestampMs, sent.timestampMs);
      for (const field of ["key", "value"] as const) {
        const expected = sent[field] ?? null;
        deepEqual(record[field] === null ? null : Buffer.from(record[field]), expected === null ? null : Buffer.from(expected));
      }
      deepEqual(
        record.headers.map((header) => [header.key, header.value === null ? null : [...header.value]]),
        (sent.headers ?? []).map((header) => [header.key, header.value === null ? null : [...header.value]]),
      );
    });
  });
}

test("accessors work inside a larger array", () => {
  const one = buildBatch(records, { baseOffset: 2 ** 40 + 7, leaderEpoch: 12, producerId: 2 ** 45, producerEpoch: 3, baseSequence: 77 });
  const bytes = Buffer.concat([Buffer.alloc(13, 255), one, Buffer.alloc(9, 255)]);
  equal(batch.baseOffset(bytes, 13), 2 ** 40 + 7);
  equal(batch.endOffset(bytes, 13), 2 ** 40 + 10);
  equal(batch.leaderEpoch(bytes, 13), 12);
  equal(batch.producerId(bytes, 13), 2 ** 45);
  equal(batch.producerEpoch(bytes, 13), 3);
  equal(batch.baseSequence(bytes, 13), 77);
  equal(batch.maxTimestamp(bytes, 13), 1_700_000_000_500);
  equal(batch.baseTimestamp(bytes, 13), 1_700_000_000_000);
  equal(batch.recordCount(bytes, 13), 3);
  equal(batch.wholeBatchBytes(bytes, 13, bytes.byteLength), one.byteLength);
  equal(batch.wholeBatchBytes(bytes, 13, 13 + one.byteLength - 1), 0);
  ok(batch.isBatchCrcRight(bytes, 13));
  batch.setBaseOffset(bytes, 13, 4_000_000_000);
  batch.setLeaderEpoch(bytes, 13, 99);
  equal(batch.baseOffset(bytes, 13), 4_000_000_000);
  ok(batch.isBatchCrcRight(bytes, 13), "offset and epoch lie outside the checksum");
  batch.setLogAppendTime(bytes, 13, 1_800_000_000_000);
  ok(batch.isBatchCrcRight(bytes, 13));
  ok(decodeRecords(bytes, 13, LIMIT).every((record) => record.timestampMs === 1_800_000_000_000));
  batch.clearLogAppendTime(bytes, 13);
  ok(batch.isBatchCrcRight(bytes, 13));
  equal(decodeRecords(bytes, 13, LIMIT)[1]?.timestampMs, 1_699_999_999_000);
});

test("what contradicts itself is refused", () => {
  const good = buildBatch(records, { producerId: 1, producerEpoch: 0, baseSequence: 0 });
  const refused = (change: (bytes: Buffer) => void, code: number): void => {
    const bytes = Buffer.from(good);
    change(bytes);
    equal(batch.checkProducedBatch(bytes, 0, bytes.byteLength), code);
  };
  refused((bytes) => bytes.writeInt8(1, batch.MAGIC_AT), ErrorCode.INVALID_RECORD);
  refused((bytes) => bytes.writeInt8(3, batch.MAGIC_AT), ErrorCode.CORRUPT_MESSAGE);
  refused((bytes) => bytes.writeInt32BE(40, batch.BATCH_LENGTH_AT), ErrorCode.CORRUPT_MESSAGE);
  refused((bytes) => bytes.writeInt32BE(-1, batch.BATCH_LENGTH_AT), ErrorCode.CORRUPT_MESSAGE);
  refused((bytes) => bytes.writeInt32BE(bytes.byteLength, batch.BATCH_LENGTH_AT), ErrorCode.INVALID_RECORD);
  refused((bytes) => bytes.writeInt16BE(6, batch.ATTRIBUTES_AT), ErrorCode.UNKNOWN_SERVER_ERROR);
  refused((bytes) => bytes.writeInt16BE(0x20, batch.ATTRIBUTES_AT), ErrorCode.INVALID_RECORD);
  refused((bytes) => bytes.writeInt32BE(7, batch.RECORD_COUNT_AT), ErrorCode.INVALID_RECORD);
  refused((bytes) => bytes.writeInt32BE(0, batch.RECORD_COUNT_AT), ErrorCode.INVALID_RECORD);
  refused((bytes) => bytes.writeBigInt64BE(2n ** 62n, batch.MAX_TIMESTAMP_AT), ErrorCode.INVALID_TIMESTAMP);
  refused((bytes) => bytes.writeInt16BE(-1, batch.PRODUCER_EPOCH_AT), ErrorCode.INVALID_PRODUCER_EPOCH);
  refused((bytes) => bytes.writeInt32BE(-1, batch.BASE_SEQUENCE_AT), ErrorCode.INVALID_RECORD);
  equal(batch.checkProducedBatch(good, 0, 10), ErrorCode.INVALID_RECORD);
  equal(batch.checkProducedBatch(Buffer.concat([good, good]), 0, good.byteLength * 2), ErrorCode.INVALID_RECORD);
});

test("a wrong count of records is found", () => {
  const bytes = Buffer.from(buildBatch(records));
  bytes.writeInt32BE(2, batch.RECORD_COUNT_AT);
  equal(checkRecords(bytes, 0, LIMIT, new RecordCursor()), ErrorCode.INVALID_RECORD);
  bytes.writeInt32BE(4, batch.RECORD_COUNT_AT);
  equal(checkRecords(bytes, 0, LIMIT, new RecordCursor()), ErrorCode.INVALID_RECORD);
});

test("a builder predicts sizes and can be used again", () => {
  const builder = new RecordBatchBuilder();
  for (const record of records) {
    const predicted = builder.bytesWith(record);
    builder.append(record);
    ok(predicted >= builder.bytes && predicted - builder.bytes <= 10, `${predicted} for ${builder.bytes}`);
  }
  const first = builder.build();
  equal(first.byteLength, batch.batchBytes(first, 0));
  for (const record of records) builder.append(record);
  deepEqual(builder.build(), first);
});

test("control batches say how a transaction ended", () => {
  const options = { producerId: 4, producerEpoch: 1, timestampMs: 5 };
  for (const type of ["commit", "abort"] as const) {
    const bytes = buildControlBatch({ type, coordinatorEpoch: 8 }, options);
    ok(batch.isControl(bytes, 0) && batch.isTransactional(bytes, 0) && batch.isBatchCrcRight(bytes, 0));
    deepEqual(decodeControlMarker(bytes, 0, LIMIT), { type, coordinatorEpoch: 8 });
  }
});

test("bombs are refused", () => {
  for (const compression of ["gzip", "snappy", "lz4", "zstd"] as const) {
    const bytes = buildBatch([{ timestampMs: 0, value: Buffer.alloc(4_000_000) }], { compression });
    throws(
      () => decodeRecords(bytes, 0, LIMIT),
      (error) => error instanceof ProtocolError && error.code === "TOO_LARGE",
    );
    equal(checkRecords(bytes, 0, LIMIT, new RecordCursor()), ErrorCode.UNKNOWN_SERVER_ERROR);
    equal(decodeRecords(bytes, 0, 4_000_100).length, 1);
  }
});
