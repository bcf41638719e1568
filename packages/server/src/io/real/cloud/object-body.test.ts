import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { CHUNK_BYTES_MAX, CHUNK_BYTES_MIN } from "./limits.ts";
import { crcOfText, crcText, ObjectBody } from "./object-body.ts";

const BYTES = Buffer.from(new SharedArrayBuffer(3 * CHUNK_BYTES_MAX + 1234)).map((_, at) => at * 31 + (at >> 8));

/** Pieces of these lengths, again and again, over the same memory. */
function pieces(...lengths: readonly number[]): Uint8Array[] {
  const cut: Uint8Array[] = [];
  for (let at = 0, n = 0; at < BYTES.byteLength; n++) {
    const end = Math.min(BYTES.byteLength, at + (lengths[n % lengths.length] as number));
    cut.push(BYTES.subarray(at, end));
    at = end;
  }
  return cut;
}

const SHAPES = [
  pieces(BYTES.byteLength),
  pieces(1000),
  pieces(7, CHUNK_BYTES_MIN, 0, 99),
  pieces(CHUNK_BYTES_MIN - 1, 2 * CHUNK_BYTES_MAX + 1),
];

test("whatever the pieces are, the bytes are the same, in chunks neither small nor large", () => {
  for (const [n, shape] of SHAPES.entries()) {
    const body = new ObjectBody(shape);
    equal(body.bytes, BYTES.byteLength);
    const chunks = [...body.chunks(0, body.bytes)];
    ok(Buffer.concat(chunks).equals(BYTES), `shape ${n}`);
    ok(chunks.every(({ byteLength }) => byteLength > 0 && byteLength <= CHUNK_BYTES_MAX));
    ok(chunks.length <= 2 * (BYTES.byteLength / CHUNK_BYTES_MIN), `${chunks.length} chunks`);
  }
});

test("any range of it", () => {
  for (const shape of SHAPES) {
    const body = new ObjectBody(shape);
    for (const [start, end] of [
      [0, 1],
      [6, 8],
      [999, 70_001],
      [CHUNK_BYTES_MAX - 1, 2 * CHUNK_BYTES_MAX + 1],
      [BYTES.byteLength - 1, BYTES.byteLength],
      [5, 5],
    ] as const) {
      ok(Buffer.concat([...body.chunks(start, end)]).equals(BYTES.subarray(start, end)), `${start} to ${end}`);
    }
  }
});

test("large pieces are not copied", () => {
  const [chunk] = [...new ObjectBody([BYTES]).chunks(10, 10 + CHUNK_BYTES_MIN)];
  equal(chunk?.buffer, BYTES.buffer);
  equal(chunk?.byteOffset, 10);
});

test("its checksums, of the whole and of parts", async () => {
  for (const shape of SHAPES) {
    const body = new ObjectBody(shape);
    equal(await body.crc32c(), crc32c(BYTES));
    equal(await body.crc32c(100, 200_000), crc32c(BYTES.subarray(100, 200_000)));
    deepEqual(await body.md5(), createHash("md5").update(BYTES).digest());
  }
  equal(await new ObjectBody([]).crc32c(), 0);
});

test("a checksum as text, and nothing else", () => {
  // RFC 3720: 32 bytes of zeros
  equal(crcText(0x8a9136aa), "ipE2qg==");
  equal(crcOfText("ipE2qg=="), 0x8a9136aa);
  for (const text of [undefined, "", "ipE2qg", "ipE2qg==-3", "AAAAAAAAAAA="]) equal(crcOfText(text), undefined);
});
