// Goal: what a reader missed, saw twice or in another order, is noticed.
import { equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { isValueAt, Seen, valueAt, Written } from "./ledger.ts";

function written(end: number): Written {
  const made = new Written();
  made.acknowledged("t", 0, end);
  return made;
}

test("all in order: nothing is missing", () => {
  const seen = new Seen();
  for (let offset = 0; offset < 5; offset += 1) equal(seen.add("t.0", offset), true);
  equal(seen.missing(written(5), ["t"]), undefined);
  match(seen.missing(written(6), ["t"]) ?? "", /seen up to 5 of 6/);
});

test("a hole is told at once, and stays until it is filled", () => {
  const seen = new Seen();
  equal(seen.add("t.0", 0), true);
  equal(seen.add("t.0", 2), false);
  match(seen.missing(written(3), ["t"]) ?? "", /seen up to 1 of 3/);
  equal(seen.add("t.0", 1), true);
  equal(seen.missing(written(3), ["t"]), undefined);
});

test("seen again is no order either, and counts", () => {
  const seen = new Seen();
  for (const offset of [0, 1, 0, 1]) seen.add("t.0", offset);
  equal(seen.add("t.0", 1), false);
  equal(seen.repeated, 3);
  equal(seen.missing(written(2), ["t"]), undefined);
});

test("a value belongs to its place and offset", () => {
  equal(isValueAt("t.0", 7, valueAt("t.0", 7)), true);
  equal(isValueAt("t.0", 7, valueAt("t.0", 8)), false);
  equal(isValueAt("t.0", 7, valueAt("t.1", 7)), false);
  equal(isValueAt("t.0", 7, null), false);
});

test("values do not shrink to nothing, alone and together", () => {
  for (const offset of [0, 7, 1_000_000]) {
    const value = valueAt("t.0", offset);
    const batch = Buffer.concat([0, 1, 2, 3].map((n) => valueAt("t.0", offset + n)));
    for (const bytes of [value, batch]) ok(gzipSync(bytes).byteLength > bytes.byteLength * 0.7);
  }
});
