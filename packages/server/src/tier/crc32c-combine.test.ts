import { equal } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import fc from "fast-check";
import { combineCrc32c } from "./crc32c-combine.ts";

test("the checksum of a whole is that of its parts combined", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.uint8Array({ maxLength: 5000 }), (a, b) => {
      equal(combineCrc32c(crc32c(a), crc32c(b), b.byteLength), crc32c(b, crc32c(a)));
    }),
  );
});

test("empty parts and long ones", () => {
  const a = new Uint8Array(70_000).map((_, i) => i * 31);
  equal(combineCrc32c(crc32c(a), 0, 0), crc32c(a));
  equal(combineCrc32c(0, crc32c(a), a.byteLength), crc32c(a));
  equal(crc32c(Buffer.from("123456789")), 0xe3069283, "the check value of the catalogue");
});
