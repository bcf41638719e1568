import { equal, notEqual, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../base/units.ts";
import { ReadMemory } from "./read-memory.ts";

test("memory is shared, large enough, and used again once its hold is released", () => {
  const memory = new ReadMemory(48 * MiB);
  const first = memory.take(100_000);
  ok(first.buffer instanceof SharedArrayBuffer);
  equal(first.byteLength, 131_072);
  const hold = memory.hold([first]);
  notEqual(memory.take(131_072), first);
  hold.release();
  equal(memory.take(65_537), first);
  for (const bytes of [1, 65_536, 65_537, 600_000, 791_000, MiB, MiB + 1, 3 * MiB - 1, 16 * MiB, 17 * MiB]) {
    const { byteLength } = memory.take(bytes);
    ok(byteLength >= bytes && byteLength <= Math.max(bytes * 1.125, bytes + 65_535), `${bytes}: ${byteLength}`);
  }
  throws(() => hold.release());
});

test("only so much is kept", () => {
  const memory = new ReadMemory(48 * MiB);
  const count = 4;
  const taken = Array.from({ length: count }, () => memory.take(16 * MiB));
  for (const each of taken) memory.give(each);
  const again = Array.from({ length: count }, () => memory.take(16 * MiB));
  equal(again.filter((each) => taken.includes(each)).length, count - 1);
});
