import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { decodeFileHeader, encodeFileHeader, FILE_HEADER_BYTES, type FileHeader } from "./file-header-codec.ts";

const HEADER: FileHeader = {
  walId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  version: 1,
  slot: 3,
  incarnation: 9,
  run: 2,
  fileBytes: 64 * 1024 * 1024,
  firstGroup: 100,
  startDurable: 50,
  slotCount: 16,
  offsetsBefore: 12_345,
  needed: [
    { incarnation: 6, slot: 0, firstGroup: 10, lastGroup: 40 },
    { incarnation: 8, slot: 1, firstGroup: 60, lastGroup: 99 },
  ],
};

test("golden bytes of a file header", () => {
  const bytes = Buffer.from(encodeFileHeader(HEADER));
  equal(bytes.byteLength, FILE_HEADER_BYTES);
  equal(
    bytes.subarray(0, 80).toString("hex"),
    "5469646557414c660102030405060708" +
      "00000001000000030000000000000009" +
      "00000000000000020000000004000000" +
      "00000000000000640000000000000032" +
      "00000002000000100000000000003039",
  );
  equal(
    bytes.subarray(128, 192).toString("hex"),
    "00000000000000060000000000000000000000000000000a0000000000000028" + "00000000000000080000000100000000000000000000003c0000000000000063",
  );
  equal(bytes.readUInt32BE(16_380), crc32c(bytes.subarray(0, 16_380)));
});

test("a file header comes back; flipped bits, bad lists and short bytes are refused", () => {
  const bytes = Buffer.from(encodeFileHeader(HEADER));
  const decoded = decodeFileHeader(bytes, 0);
  deepEqual({ ...decoded, walId: Uint8Array.from(decoded?.walId ?? []) }, HEADER);
  for (let bit = 0; bit < 192 * 8; bit += 7) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    equal(decodeFileHeader(damaged, 0), undefined);
  }
  equal(decodeFileHeader(bytes.subarray(1), 0), undefined);
  const first = HEADER.needed[0] as FileHeader["needed"][0];
  equal(decodeFileHeader(encodeFileHeader({ ...HEADER, needed: [first, first] }), 0), undefined);
  equal(decodeFileHeader(encodeFileHeader({ ...HEADER, needed: [{ ...first, incarnation: 9 }] }), 0), undefined);
  equal(decodeFileHeader(encodeFileHeader({ ...HEADER, incarnation: 0, needed: [] }), 0), undefined);
});
