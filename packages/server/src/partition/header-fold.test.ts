import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { QueueError } from "../base/errors.ts";
import { MiB } from "../base/units.ts";
import { HeaderFold } from "./header-fold.ts";
import { decodeHeaderFold, encodeHeaderFold } from "./header-fold-codec.ts";
import { PRODUCER_BATCHES_MAX, PRODUCER_EXPIRY_MS, PRODUCERS_MAX, PRODUCERS_MIN } from "./limits.ts";
import { ProducerLimit } from "./producer-limit.ts";
import { addSequence } from "./producer-state.ts";

type Batch = Readonly<{
  offset: number;
  records?: number;
  epoch?: number;
  producer?: number;
  producerEpoch?: number;
  sequence?: number;
  timestampMs?: number;
}>;

/** The 61 bytes that the fold reads; the rest of a batch is nothing to it. */
function header(batch: Batch): Uint8Array {
  const bytes = new Uint8Array(61);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(batch.offset));
  view.setInt32(12, batch.epoch ?? 0);
  view.setInt32(23, (batch.records ?? 1) - 1);
  view.setBigInt64(35, BigInt(batch.timestampMs ?? 1000));
  view.setBigInt64(43, BigInt(batch.producer ?? -1));
  view.setInt16(51, batch.producerEpoch ?? 0);
  view.setInt32(53, batch.sequence ?? -1);
  return bytes;
}

function folded(batches: readonly Batch[], appendTimeMs = 5): HeaderFold {
  const fold = new HeaderFold(0);
  for (const batch of batches) fold.apply(header(batch), 0, appendTimeMs);
  return fold;
}

test("a retry of any of the last five batches is a duplicate with its own offset", () => {
  const fold = folded([0, 1, 2, 3, 4, 5].map((n) => ({ offset: n * 10, records: 10, producer: 7, sequence: n * 10 })));
  for (let n = 1; n <= PRODUCER_BATCHES_MAX; n++) {
    equal(fold.judge(7, 0, n * 10, 9), "duplicate");
    equal(fold.duplicateOffset(7, n * 10, 9), n * 10);
  }
});

test("a batch below the remembered ones is an old duplicate, never out of order", () => {
  const fold = folded([0, 1, 2, 3, 4, 5].map((n) => ({ offset: n * 10, records: 10, producer: 7, sequence: n * 10 })));
  equal(fold.judge(7, 0, 0, 9), "old-duplicate");
  equal(fold.judge(7, 0, 50, 4), "old-duplicate", "part of a remembered batch");
  equal(fold.judge(7, 0, 60, 0), "next");
  equal(fold.judge(7, 0, 61, 0), "out-of-order");
  equal(fold.judge(7, 0, 55, 9), "out-of-order", "reaches beyond what is known");
});

test("sequences wrap after 2^31 - 1", () => {
  const fold = folded([{ offset: 0, records: 10, producer: 1, sequence: 2 ** 31 - 5 }]);
  equal(addSequence(2 ** 31 - 1, 1), 0);
  equal(fold.judge(1, 0, 5, 0), "next");
  equal(fold.judge(1, 0, 4, 0), "old-duplicate");
  equal(fold.judge(1, 0, 6, 0), "out-of-order");
});

test("a new producer epoch begins at sequence 0, an old one is refused, an unknown producer may begin anywhere", () => {
  const fold = folded([{ offset: 0, producer: 1, producerEpoch: 3, sequence: 9 }]);
  equal(fold.judge(1, 2, 10, 0), "old-epoch");
  equal(fold.judge(1, 4, 10, 0), "out-of-order");
  equal(fold.judge(1, 4, 0, 0), "next");
  equal(fold.judge(2, 0, 1234, 0), "next");
});

test("producers expire by append time and by number, in order of last use", () => {
  const fold = new HeaderFold(0);
  for (let n = 0; n < PRODUCERS_MAX; n++) fold.apply(header({ offset: n, producer: n, sequence: 0 }), 0, 1);
  fold.apply(header({ offset: PRODUCERS_MAX, producer: 0, sequence: 1 }), 0, 1);
  fold.apply(header({ offset: PRODUCERS_MAX + 1, producer: PRODUCERS_MAX, sequence: 0 }), 0, 1);
  equal(fold.producers.size, PRODUCERS_MAX);
  equal(fold.producers.has(0), true, "used again, so not the oldest");
  equal(fold.producers.has(1), false);
  fold.apply(header({ offset: PRODUCERS_MAX + 2 }), 0, 1 + PRODUCER_EXPIRY_MS);
  equal(fold.producers.size, PRODUCERS_MAX, "exactly one day old is not expired");
  fold.apply(header({ offset: PRODUCERS_MAX + 3 }), 0, 2 + PRODUCER_EXPIRY_MS);
  equal(fold.producers.size, 0);
});

test("the partitions of a small log share what it has room for; who was used last is remembered", () => {
  const limit = new ProducerLimit(16 * MiB);
  limit.sharedBy(1);
  equal(limit.max, PRODUCERS_MAX);
  limit.sharedBy(100);
  equal(limit.max, Math.floor(MiB / 100 / 140));
  limit.sharedBy(100_000);
  equal(limit.max, PRODUCERS_MIN);
  const fold = folded(Array.from({ length: 50 }, (_, n) => ({ offset: n, producer: n, sequence: 0 })));
  fold.limit = limit;
  fold.apply(header({ offset: 50, producer: 3, sequence: 1 }), 0, 5);
  const kept = [...Array.from({ length: PRODUCERS_MIN - 1 }, (_, n) => 50 - PRODUCERS_MIN + 1 + n), 3];
  deepEqual([...fold.producers.keys()], kept);
  const copy = fold.copy();
  copy.apply(header({ offset: 51, producer: 99, sequence: 0 }), 0, 5);
  equal(copy.producers.size, PRODUCERS_MIN);
  fold.limit = { max: 2 };
  fold.keepToLimit();
  deepEqual([...fold.producers.keys()], kept.slice(-2));
});

test("epochs: where one ended, which one an offset was written in, what the start of the log drops", () => {
  const fold = folded([
    { offset: 0, epoch: 2 },
    { offset: 1, epoch: 5 },
    { offset: 2, epoch: 5 },
    { offset: 3, epoch: 9 },
  ]);
  deepEqual(fold.epochEnd(1), undefined);
  deepEqual(fold.epochEnd(2), { epoch: 2, endOffset: 1 });
  deepEqual(fold.epochEnd(7), { epoch: 5, endOffset: 3 });
  deepEqual(fold.epochEnd(9), { epoch: 9, endOffset: undefined });
  equal(fold.epochAt(2), 5);
  fold.setLogStart(2);
  deepEqual(fold.epochs, [5, 9]);
  deepEqual(fold.epochStarts, [2, 3]);
  equal(fold.epochAt(1), -1);
});

test("the largest timestamp is that of the first batch that carries it", () => {
  const fold = folded([
    { offset: 0, timestampMs: 10 },
    { offset: 1, timestampMs: 30 },
    { offset: 2, timestampMs: 30 },
    { offset: 3, timestampMs: 20 },
  ]);
  equal(fold.maxTimestampMs, 30);
  equal(fold.maxTimestampOffset, 1);
});

const batches = fc.array(
  fc.record({
    records: fc.integer({ min: 1, max: 9 }),
    epochStep: fc.integer({ min: 0, max: 1 }),
    producer: fc.integer({ min: -1, max: 6 }),
  }),
  { maxLength: 60 },
);

type Shape = Readonly<{ records: number; epochStep: number; producer: number }>;

function logOf(shapes: readonly Shape[]): Required<Omit<Batch, "producerEpoch">>[] {
  let offset = 0;
  let epoch = 0;
  const sequences = new Map<number, number>();
  return shapes.map((shape) => {
    const sequence = sequences.get(shape.producer) ?? 0;
    sequences.set(shape.producer, sequence + shape.records);
    epoch += shape.epochStep;
    const batch = { offset, records: shape.records, epoch, producer: shape.producer, sequence, timestampMs: offset * 3 };
    offset += shape.records;
    return batch;
  });
}

test("base + tail is the fold of the whole, wherever it is cut and through its bytes", () => {
  fc.assert(
    fc.property(batches, fc.nat(), (shapes, cutAt) => {
      const log = logOf(shapes);
      const cut = log.length === 0 ? 0 : cutAt % (log.length + 1);
      const whole = folded(log);
      const base = folded(log.slice(0, cut));
      const tail = decodeHeaderFold(encodeHeaderFold(base)).copy();
      const before = encodeHeaderFold(base);
      for (const batch of log.slice(cut)) tail.apply(header(batch), 0, 5);
      deepEqual(encodeHeaderFold(tail), encodeHeaderFold(whole));
      deepEqual(encodeHeaderFold(base), before, "a copy is independent");
    }),
    { numRuns: 200 },
  );
});

test("a log start inside of the batch behind the base: base + tail is still the fold of the whole", () => {
  fc.assert(
    fc.property(batches, fc.nat(), fc.nat(), (shapes, cutAt, within) => {
      const log = logOf(shapes);
      const cut = cutAt % (log.length + 1);
      const next = log[cut];
      const logStart = (next?.offset ?? 0) + (next === undefined ? 0 : within % next.records);
      const whole = folded(log);
      whole.setLogStart(logStart);
      const base = folded(log.slice(0, cut));
      base.setLogStart(logStart);
      const live = decodeHeaderFold(encodeHeaderFold(base));
      for (const batch of log.slice(cut)) live.apply(header(batch), 0, 5);
      live.setLogStart(logStart);
      deepEqual(encodeHeaderFold(live), encodeHeaderFold(whole));
    }),
    { numRuns: 300 },
  );
});

test("an epoch of which nothing is left gives way to the next", () => {
  const fold = folded([{ offset: 0, records: 10, epoch: 4 }]);
  fold.setLogStart(10);
  fold.apply(header({ offset: 10, epoch: 6 }), 0, 5);
  deepEqual([fold.epochs, fold.epochStarts], [[6], [10]]);
  decodeHeaderFold(encodeHeaderFold(fold));
});

test("golden bytes", () => {
  const fold = folded([{ offset: 3, records: 2, epoch: 1, producer: 9, sequence: 0, timestampMs: 77 }], 6);
  const hex = [
    "01000001" + "00000001" + "0000000000000005" + "0000000000000006" + "000000000000004d" + "0000000000000003",
    "00000001" + "0000000000000003",
    "0000000000000009" + "0000000000000006" + "0000" + "01" + "00",
    "00000000" + "00000001" + "0000000000000003" + "000000000000004d",
  ].join("");
  equal(Buffer.from(encodeHeaderFold(fold)).toString("hex"), hex);
});

test("any damaged or cut fold is refused with CORRUPT_RECORD or decodes to a fold, never anything else", () => {
  const good = encodeHeaderFold(folded([0, 1, 2].map((n) => ({ offset: n, epoch: n, producer: n, sequence: 0 }))));
  for (let length = 0; length < good.length; length++) {
    throws(
      () => decodeHeaderFold(good.subarray(0, length)),
      (error: unknown) => error instanceof QueueError && error.code === "CORRUPT_RECORD",
    );
  }
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bad = good.slice();
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    try {
      decodeHeaderFold(bad);
    } catch (error) {
      equal(error instanceof QueueError && error.code, "CORRUPT_RECORD");
    }
  }
});

test("the fold of records travels with the base, but only when it reaches to the same offset", () => {
  const fold = new HeaderFold(0);
  fold.records = new Uint8Array([1, 2, 3]);
  fold.recordsEnd = 0;
  const decoded = decodeHeaderFold(encodeHeaderFold(fold));
  deepEqual([decoded.records, decoded.recordsEnd], [new Uint8Array([1, 2, 3]), 0]);
  fold.skipTo(5);
  const behind = decodeHeaderFold(encodeHeaderFold(fold));
  deepEqual([behind.records, behind.recordsEnd, behind.nextOffset], [undefined, -1, 5]);
});
