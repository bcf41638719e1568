// Goal: batches made by Kafka, with every compression, are understood; and what is not compressed we write byte for byte alike.
// That Kafka understands ours is checked when the golden file is written (golden/write-batches.ts).
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { COMPRESSIONS, compressionId } from "@tidemq/protocol/compression.ts";
import { checkRecords, decodeControlMarker, decodeRecords, RecordCursor } from "@tidemq/protocol/record.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { buildBatch, buildControlBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { comparable } from "./comparable.ts";
import { goldenRecords } from "./golden-records.ts";

const BYTES_MAX = 1 << 20;
const text = readFileSync(new URL("testdata/golden-batches.json", import.meta.url), "utf8");
const golden = JSON.parse(text) as Record<(typeof COMPRESSIONS)[number] | "control", string>;

for (const compression of COMPRESSIONS) {
  test(`Kafka's batch with compression ${compression}`, () => {
    const bytes = Buffer.from(golden[compression], "hex");
    ok(batch.isBatchCrcRight(bytes, 0));
    equal(checkRecords(bytes, 0, BYTES_MAX, new RecordCursor()), 0);
    equal(batch.codecId(bytes, 0), compressionId(compression));
    deepEqual(
      [batch.producerId(bytes, 0), batch.producerEpoch(bytes, 0), batch.baseSequence(bytes, 0), batch.leaderEpoch(bytes, 0)],
      [77, 3, 12, 9],
    );
    const expected = goldenRecords().map((record, i) => ({ offset: 1000 + i, ...record }));
    deepEqual(comparable(decodeRecords(bytes, 0, BYTES_MAX)), comparable(expected));
  });
}

test("an uncompressed batch is Kafka's, byte for byte", () => {
  const options = { baseOffset: 1000, leaderEpoch: 9, producerId: 77, producerEpoch: 3, baseSequence: 12 };
  equal(Buffer.from(buildBatch(goldenRecords(), options)).toString("hex"), golden.none);
});

test("a control batch is Kafka's, byte for byte", () => {
  const bytes = Buffer.from(golden.control, "hex");
  ok(batch.isControl(bytes, 0) && batch.isTransactional(bytes, 0) && batch.isBatchCrcRight(bytes, 0));
  deepEqual(decodeControlMarker(bytes, 0, BYTES_MAX), { type: "commit", coordinatorEpoch: 6 });
  const options = { producerId: 77, producerEpoch: 3, timestampMs: 1_700_000_000_000, baseOffset: 5, leaderEpoch: 4 };
  equal(Buffer.from(buildControlBatch({ type: "commit", coordinatorEpoch: 6 }, options)).toString("hex"), golden.control);
});
