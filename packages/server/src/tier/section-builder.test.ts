import { deepEqual, equal, notEqual, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import fc from "fast-check";
import { type BatchOfTest, batchOfTest } from "../testing/tier-world.ts";
import { SectionBuilder } from "./section-builder.ts";

type Plan = Readonly<{
  sizes: readonly number[];
  gaps: readonly number[];
  cuts: readonly number[];
  blockBytes: number;
  summedBytes: number;
}>;

const plans: fc.Arbitrary<Plan> = fc.record({
  sizes: fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 12 }),
  gaps: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 12, maxLength: 12 }),
  cuts: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 }),
  blockBytes: fc.integer({ min: 1, max: 2000 }),
  summedBytes: fc.integer({ min: 1, max: 1500 }),
});

function batchesOf(plan: Plan): readonly BatchOfTest[] {
  let offset = 100;
  return plan.sizes.map((bytes, n) => {
    const made = batchOfTest(offset + (plan.gaps[n] ?? 0), 1 + (n % 3), bytes, {
      leaderEpoch: 1 + (n >> 2),
      timestampMs: 5000 + ((n * 37) % 11),
    });
    offset = made.endOffset;
    return made;
  });
}

test("blocks are whole batches in order, whatever the pieces", () => {
  fc.assert(
    fc.property(plans, (plan) => {
      const batches = batchesOf(plan);
      const bytes = Buffer.concat(batches.map((one) => one.bytes));
      const builder = new SectionBuilder(1, 100, plan.blockBytes, plan.summedBytes);
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const size = plan.cuts[n % plan.cuts.length] ?? 1;
        builder.add(bytes.subarray(at, at + size));
        at += size;
      }
      equal(builder.dataBytes, bytes.length);
      const data = builder.finish();
      ok(Buffer.concat(data.pieces).equals(bytes));
      equal(data.dataBytes, bytes.length);
      equal(data.dataCrc, crc32c(bytes));
      equal(data.maxTimestampMs, Math.max(...batches.map((one) => batch.maxTimestamp(one.bytes, 0))));
      equal(builder.endOffset, batches.at(-1)?.endOffset);
      let next = 0;
      for (let block = 0; block < data.blocks.count; block++) {
        const [start, end] = [data.blocks.position(block), data.blocks.position(block + 1)];
        equal(data.blocks.crc(block), crc32c(bytes.subarray(start, end)));
        const first = batches[next];
        equal(data.blocks.firstOffset(block), first?.baseOffset);
        let size = 0;
        for (; size < end - start; next++) size += batches[next]?.bytes.length ?? Number.NaN;
        equal(size, end - start, "a block ends where a batch ends");
        equal(data.blocks.endOffset(block), batches[next - 1]?.endOffset);
        ok(size <= plan.blockBytes || first?.bytes.length === size, "only a single batch is larger than a block may be");
      }
      equal(next, batches.length);
    }),
  );
});

test("a large batch is not hashed: its own checksum stands for it, and a byte that changed shows", () => {
  const made = batchOfTest(10, 1, 40_000).bytes;
  const changed = Uint8Array.from(made);
  changed[30_000] = (changed[30_000] as number) ^ 1;
  const crcOf = (bytes: Uint8Array): number => {
    const builder = new SectionBuilder(1, 10);
    builder.add(bytes);
    return builder.finish().dataCrc;
  };
  equal(crcOf(made), crc32c(made));
  equal(crcOf(changed), crc32c(made));
  notEqual(crcOf(changed), crc32c(changed));
});

test("epochs are named where they begin", () => {
  const builder = new SectionBuilder(1, 0);
  for (const [offset, leaderEpoch] of [
    [0, 1],
    [2, 1],
    [4, 3],
    [6, 4],
  ] as const)
    builder.add(batchOfTest(offset, 2, 10, { leaderEpoch }).bytes);
  deepEqual(builder.finish().epochs, [
    { leaderEpoch: 1, startOffset: 0 },
    { leaderEpoch: 3, startOffset: 4 },
    { leaderEpoch: 4, startOffset: 6 },
  ]);
});

test("what is no batch of this log is refused", () => {
  const good = batchOfTest(10, 2, 100).bytes;
  const damaged = (change: (bytes: Uint8Array) => void, start = 0): void => {
    const bytes = Uint8Array.from(good);
    change(bytes);
    throws(() => new SectionBuilder(1, start).add(bytes), /CORRUPT|corrupt/);
  };
  damaged((bytes) => bytes.fill(0, 8, 12)); // length
  damaged((bytes) => bytes.fill(0x7f, 8, 12));
  damaged((bytes) => bytes.fill(0xff, 0, 8)); // base offset
  damaged((bytes) => bytes.fill(0xff, 23, 27)); // last offset delta
  damaged(() => {}, 11); // begins below what was uploaded
  const half = new SectionBuilder(1, 0);
  half.add(good.subarray(0, 30));
  throws(() => half.finish(), /incomplete/);
  half.add(good.subarray(30, 80));
  throws(() => half.finish(), /incomplete/);
});
