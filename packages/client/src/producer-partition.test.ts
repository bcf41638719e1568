import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { decodeRecords } from "@tidemq/protocol/record.ts";
import { brokerError, ClientError } from "./errors.ts";
import { ProducerBatch } from "./producer-batch.ts";
import { PartitionQueue } from "./producer-partition.ts";

const TOO_LARGE = 10;
const IN_FLIGHT_MAX = 5;

function add(queue: PartitionQueue, values: readonly string[]): void {
  queue.open = new ProducerBatch(0, 1_000);
  for (const value of values) queue.open.append({ timestampMs: 0, key: null, value: Buffer.from(value) });
  queue.closeOpen();
}

function takeAll(queue: PartitionQueue): ProducerBatch[] {
  const taken: ProducerBatch[] = [];
  while (queue.sendable(0) !== undefined) taken.push(queue.take("none"));
  return taken;
}

function valuesOf(batch: ProducerBatch): string {
  return decodeRecords(batch.encode("none"), 0, 1e6)
    .map((record) => Buffer.from(record.value ?? []).toString())
    .join("");
}

/** As a broker that takes so many records at most, and loses the connection whenever it has stored one batch of a flight. */
function deliver(queue: PartitionQueue, recordsMax: number): string[] {
  const stored: string[] = [];
  while (!queue.isIdle) {
    const [first, ...behind] = takeAll(queue) as [ProducerBatch, ...ProducerBatch[]];
    const lost = new ClientError("CONNECTION_CLOSED", "lost");
    first.isTooLarge = first.recordCount > recordsMax;
    if (first.isTooLarge) queue.retry(first, brokerError(TOO_LARGE, "produce"));
    else {
      stored.push(valuesOf(first));
      queue.delivered(first);
    }
    for (const batch of behind) queue.retry(batch, lost);
  }
  return stored;
}

test("records keep their order however often their batch is halved, beside the batches behind it", () => {
  const queue = new PartitionQueue("t", 0, true, IN_FLIGHT_MAX);
  queue.restart({ producerId: 1, producerEpoch: 0 });
  add(queue, "abcdefghijklmnop".split(""));
  add(queue, "qr".split(""));
  deepEqual(deliver(queue, 1), "abcdefghijklmnopqr".split(""));
});
