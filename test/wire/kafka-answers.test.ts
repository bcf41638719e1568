// Goal: a bad batch gets the error code that Kafka gives, so that clients react as they do to Kafka.
// Method: testdata/kafka-answers.json holds what Apache Kafka answered to each batch (golden/write-kafka-answers.ts).
import { equal } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { errorInfo } from "@tidemq/protocol/error-codes.ts";
import { checkRecords, RecordCursor } from "@tidemq/protocol/record.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { badBatches } from "./bad-batches.ts";

const NOW_MS = 1_800_000_000_000;
const BYTES_MAX = 1 << 20;
const answers = JSON.parse(readFileSync(new URL("testdata/kafka-answers.json", import.meta.url), "utf8")) as Record<string, string>;

/** Where we differ, and why that is right. */
const OURS: Readonly<Record<string, string>> = {
  "a batch and half of another": "INVALID_RECORD", // Kafka drops the rest in silence
  "transactional without producer": "INVALID_RECORD", // Kafka asks for the request's transactional id first: not a matter of the batch
  "control batch that is complete": "INVALID_RECORD", // as above
  "negative base timestamp": "INVALID_TIMESTAMP", // −1 stands for none, and nothing lies before 1970
  "max timestamp beyond all time": "INVALID_TIMESTAMP", // Kafka corrects it, record by record; we believe it, within reason
  "base timestamp in a year's time": "NONE", // needs a clock and the topic's options
  "producer id -2": "INVALID_RECORD", // Kafka takes it for none
  "producer without epoch": "INVALID_PRODUCER_EPOCH", // Kafka stores it
  "first record with offset delta 1": "INVALID_RECORD", // Kafka stores it: the offset would be there twice
};

for (const { name, bytes } of badBatches(NOW_MS)) {
  test(`${name}: ${OURS[name] ?? answers[name]}`, () => {
    equal(errorInfo(answer(bytes)).name, OURS[name] ?? answers[name]);
  });
}

function answer(bytes: Buffer): number {
  const code = batch.checkProducedBatch(bytes, 0, bytes.length);
  if (code !== 0) return code;
  return batch.isBatchCrcRight(bytes, 0) ? checkRecords(bytes, 0, BYTES_MAX, new RecordCursor()) : 2;
}
