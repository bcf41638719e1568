import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HeaderIndex } from "./header-index.ts";

type Batch = { offset: number; group: number; entry: number; bytes: number };

test("an entry for each batch set apart, and one for each 4 KiB", () => {
  const index = new HeaderIndex({ bytes: 0 });
  for (let i = 0; i < 100; i++) index.append(i * 10, 1, i, 1000, i === 0 || i === 50);
  deepEqual(
    [index.length, index.offset(0), index.offset(1), index.offset(2)],
    [20, 0, 50, 100], // 5,000 bytes are the first sum above 4 KiB
  );
  equal(index.bytesEnd, 100_000);
  equal(index.floor(505), 10);
  equal(index.entry(index.floor(505)), 50);
});

test("bytes between two offsets are right to within a run", () => {
  const index = new HeaderIndex({ bytes: 0 });
  for (let i = 0; i < 1000; i++) index.append(i, i, 0, 500, false);
  for (const [from, to] of [
    [0, 1000],
    [10, 20],
    [500, 900],
  ] as const) {
    ok(Math.abs(index.bytesBetween(from, to) - (to - from) * 500) <= 5000);
  }
  equal(index.bytesFrom(0), 500_000);
});

test("appends, truncations and drops against a plain list; the budget counts what is allocated", () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant("truncate" as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ kind: fc.constant("drop" as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ kind: fc.constant("move" as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const budget = { bytes: 0 };
      const index = new HeaderIndex(budget);
      let list: Batch[] = [];
      let next = 0;
      let group = 0;
      for (const one of actions) {
        if (one.kind === "append") {
          for (let i = 0; i < one.count; i++) {
            group += 1;
            index.append(next, group, i, 5000, true);
            list.push({ offset: next, group, entry: i, bytes: 5000 });
            next += 3;
          }
        } else if (list.length > 0) {
          const at = Math.floor(one.at * list.length) % list.length;
          const batch = list[at] as Batch;
          if (one.kind === "truncate") {
            index.truncate(batch.offset);
            list = list.slice(0, at);
            next = batch.offset;
          } else if (one.kind === "drop") {
            index.dropFront(at);
            list = list.slice(at);
          } else {
            group += 1;
            index.replace(batch.offset, batch.offset + 3, [{ offset: batch.offset, group, entry: 77, bytes: 5000 }]);
            list[at] = { ...batch, group, entry: 77 };
          }
        }
        const shown = Array.from({ length: index.length }, (_, i) => [index.offset(i), index.group(i), index.entry(i)]);
        deepEqual(
          shown,
          list.map((batch) => [batch.offset, batch.group, batch.entry]),
        );
        for (const [i, batch] of list.entries()) {
          equal(index.floor(batch.offset + 1), i);
          equal(index.bytesBefore(i + 1) - index.bytesBefore(i), 5000);
        }
        equal(index.floor((list[0]?.offset ?? 0) - 1), -1);
      }
      index.dispose();
      equal(budget.bytes, 0);
    }),
    { numRuns: 200 },
  );
});

test("a range of addresses is found by halving when addresses ascend", () => {
  const index = new HeaderIndex({ bytes: 0 });
  for (let i = 0; i < 100; i++) index.append(i, 1000 + i * 10, 0, 5000, true);
  deepEqual(index.rangeIn(1100, 1200, true), [10, 20]);
  deepEqual(index.rangeIn(0, 1000, true), [0, 0]);
  deepEqual(index.rangeIn(5000, 6000, true), [100, 100]);
  deepEqual(index.rangeIn(1100, 1200, false), [0, 100]);
});
