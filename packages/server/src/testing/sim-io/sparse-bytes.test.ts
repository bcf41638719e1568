import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PAGE_BYTES } from "./limits.ts";
import { SparseBytes } from "./sparse-bytes.ts";

const place = fc.integer({ min: 0, max: 3 * PAGE_BYTES });
const step = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), at: place, length: place, value: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant("zero" as const), at: place, length: place, value: fc.constant(0) }),
  fc.record({ kind: fc.constant("truncate" as const), at: place, length: fc.constant(0), value: fc.constant(0) }),
);

test("behaves as one plain array", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), place, place, (steps, from, length) => {
      let sparse = new SparseBytes();
      const plain = new Uint8Array(8 * PAGE_BYTES);
      let size = 0;
      for (const { kind, at, length: count, value } of steps) {
        if (kind === "truncate") {
          sparse.truncate(at);
          plain.fill(0, at);
          size = at;
          continue;
        }
        if (kind === "write") sparse.write(at, new Uint8Array(count).fill(value));
        else sparse.zero(at, at + count);
        plain.fill(value, at, at + count);
        size = Math.max(size, at + count);
        sparse = sparse.copy();
      }
      equal(sparse.size, size);
      const target = new Uint8Array(length).fill(0xee);
      const count = sparse.read(from, target);
      equal(count, Math.max(0, Math.min(length, size - from)));
      ok(Buffer.from(target.subarray(0, count)).equals(plain.subarray(from, from + count)));
    }),
    { numRuns: 200, seed: 1 },
  );
});
