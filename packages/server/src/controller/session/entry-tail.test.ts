import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { EntryTail } from "./entry-tail.ts";

const BYTES_MAX = 1_000_000;

function filled(count: number, payloadBytes: number): EntryTail {
  const tail = new EntryTail(BYTES_MAX);
  for (let index = 1; index <= count; index += 1) tail.add({ index, nonce: "", payload: new Uint8Array(payloadBytes) });
  return tail;
}

test("the newest are kept, as many as fit an answer but at least one", () => {
  const tail = filled(100, 100_000);
  equal(tail.from(1, 1), undefined, "too old");
  equal(tail.from(101, 1), undefined, "not there yet");
  deepEqual(
    tail.from(99, 1)?.map(({ index }) => index),
    [99],
  );
  deepEqual(
    tail.from(98, 250_000)?.map(({ index }) => index),
    [98, 99],
  );
});

test("batches without commands, which say that a controller lives, count for what they take in memory", () => {
  const tail = filled(100_000, 2);
  equal(tail.from(90_000, 1), undefined);
  ok(tail.from(99_990, 1) !== undefined);
});
