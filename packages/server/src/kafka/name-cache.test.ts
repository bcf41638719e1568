import { equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { NameCache } from "./name-cache.ts";

test("gives the text of the bytes, whatever was asked before", () => {
  const cache = new NameCache(4, "utf8");
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("grün", "日本語", "")), fc.nat(5), (text, at) => {
      const bytes = Buffer.concat([Buffer.alloc(at, 0x41), Buffer.from(text), Buffer.from("rest")]);
      equal(cache.text(bytes, at, Buffer.byteLength(text)), Buffer.from(text).toString());
    }),
    { numRuns: 1000, seed: 1 },
  );
});

test("does not keep the frame, whose bytes change", () => {
  const cache = new NameCache(4, "utf8");
  const frame = Buffer.from("orders");
  equal(cache.text(frame, 0, 6), "orders");
  frame.write("ordinal");
  equal(cache.text(frame, 0, 6), "ordina");
  equal(cache.text(Buffer.from("orders"), 0, 6), "orders");
});
