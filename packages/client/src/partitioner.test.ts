import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { murmur2, partitionOfKey, StickyPartition } from "./partitioner.ts";

test("keys hash as in Kafka's Java clients", () => {
  const known: readonly (readonly [string, number])[] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  deepEqual(
    known.map(([text]) => murmur2(Buffer.from(text))),
    known.map(([, hash]) => hash),
  );
});

test("a hash below 0 still gives a partition", () => {
  for (let i = 0; i < 1000; i += 1) {
    const partition = partitionOfKey(Buffer.from(`key-${i}`), 7);
    equal(partition >= 0 && partition < 7, true);
  }
});

test("records without a key stay with one partition for a while, then go to another", () => {
  const sticky = new StickyPartition({ uint32: () => 0x8000_0000 }, 100);
  deepEqual(
    [60, 60, 60, 60].map((bytes) => sticky.next([0, 1, 2], bytes)),
    [1, 1, 2, 2],
  );
  equal(sticky.next([0], 60), 0, "the current one has no leader");
  equal(sticky.next([0], 60), 0);
  equal(sticky.next([0], 60), 0, "there is no other");
});

test("all partitions get their share", () => {
  let state = 1;
  const random = { uint32: () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) };
  const sticky = new StickyPartition(random, 1_000);
  const bytes = [0, 0, 0, 0];
  for (let i = 0; i < 100_000; i += 1) {
    const partition = sticky.next([0, 1, 2, 3], 100);
    bytes[partition] = (bytes[partition] ?? 0) + 100;
  }
  for (const share of bytes) equal(share > 2_200_000 && share < 2_800_000, true, String(bytes));
});
