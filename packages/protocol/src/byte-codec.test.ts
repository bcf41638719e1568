import { deepEqual, equal, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter, uvarintBytes } from "./byte-writer.ts";
import { crc32c } from "./crc32c.ts";
import { ProtocolError } from "./protocol-error.ts";

const malformed = (error: unknown): boolean => error instanceof ProtocolError && error.code === "MALFORMED";
const unencodable = (error: unknown): boolean => error instanceof ProtocolError && error.code === "UNENCODABLE";

type Kind = { [K in keyof ByteReader]: ByteReader[K] extends () => unknown ? K : never }[keyof ByteReader] & keyof ByteWriter;

function survives<T>(kind: Kind, values: fc.Arbitrary<T>): void {
  // Many values behind one another, from a writer of one byte: every one of them may be the one that makes it grow.
  fc.assert(
    fc.property(fc.array(values), (list) => {
      const writer = new ByteWriter(1);
      for (const value of list) (writer[kind] as (value: T) => void).call(writer, value);
      const reader = new ByteReader(writer.finish());
      for (const value of list) deepEqual((reader[kind] as () => unknown).call(reader), value);
      equal(reader.remaining, 0);
    }),
    { seed: 1, numRuns: 200 },
  );
}

const safe = fc.maxSafeInteger();
const kinds: readonly (readonly [Kind, fc.Arbitrary<unknown>])[] = [
  ["bool", fc.boolean()],
  ["int8", fc.integer({ min: -128, max: 127 })],
  ["int16", fc.integer({ min: -0x8000, max: 0x7fff })],
  ["uint16", fc.integer({ min: 0, max: 0xffff })],
  ["int32", fc.integer()],
  ["uint32", fc.integer({ min: 0, max: 0xffff_ffff })],
  ["int64", safe],
  ["bigint64", fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ["float64", fc.double({ noNaN: true })],
  ["uvarint", fc.integer({ min: 0, max: 0xffff_ffff })],
  ["varint", fc.integer()],
  ["varlong", safe],
  ["uuid", fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("base64url"))],
];
for (const [kind, values] of kinds) test(`${kind} survives`, () => survives(kind, values));

test("strings survive, short and long, ASCII and not", () => {
  const strings = fc.oneof(fc.constant(null), fc.string({ unit: "binary", maxLength: 60 }), fc.string({ maxLength: 30 }));
  fc.assert(
    fc.property(fc.array(strings), (list) => {
      const writer = new ByteWriter(1);
      for (const text of list) {
        writer.string(text);
        writer.compactString(text);
      }
      const reader = new ByteReader(writer.finish());
      for (const text of list) {
        equal(reader.nullableString(), text);
        equal(reader.nullableCompactString(), text);
      }
    }),
    { seed: 2, numRuns: 300 },
  );
});

test("golden bytes", () => {
  const writer = new ByteWriter();
  writer.int64(-2);
  writer.int64(2 ** 53 - 1);
  writer.uvarint(300);
  writer.varint(-1);
  writer.varint(-2147483648);
  writer.varlong(Number.MIN_SAFE_INTEGER);
  writer.string("aß");
  writer.compactString("aß");
  writer.uuid("AQIDBAUGBwgJCgsMDQ4PEA");
  equal(
    Buffer.from(writer.finish()).toString("hex"),
    "fffffffffffffffe" +
      "001fffffffffffff" +
      "ac02" +
      "01" +
      "ffffffff0f" +
      "fdffffffffffff1f" +
      "000361c39f" +
      "0461c39f" +
      "0102030405060708090a0b0c0d0e0f10",
  );
});

test("numbers outside the safe range are refused, or clamped where that is asked for", () => {
  const writer = new ByteWriter();
  writer.bigint64(2n ** 63n - 1n);
  writer.bigint64(-(2n ** 53n));
  const bytes = writer.finish();
  throws(() => new ByteReader(bytes).int64(), malformed);
  throws(() => new ByteReader(bytes, 8).int64(), malformed);
  equal(new ByteReader(bytes).int64Clamped(), Number.MAX_SAFE_INTEGER);
  equal(new ByteReader(bytes, 8).int64Clamped(), Number.MIN_SAFE_INTEGER);
  throws(() => new ByteReader(Buffer.from("ffffffffffffffffff01", "hex")).varlong(), malformed);
  throws(() => new ByteReader(Buffer.from("ffffffff1f", "hex")).uvarint(), malformed);
  throws(() => new ByteReader(Buffer.from("ffffffffff", "hex")).uvarint(), malformed);
});

test("what does not fit its field is not written", () => {
  const writer = new ByteWriter();
  for (const value of [128, -129, 1.5, Number.NaN]) throws(() => writer.int8(value), unencodable);
  throws(() => writer.int16(0x8000), unencodable);
  throws(() => writer.uint16(-1), unencodable);
  throws(() => writer.int32(2 ** 31), unencodable);
  throws(() => writer.int64(2 ** 53), unencodable);
  throws(() => writer.uvarint(-1), unencodable);
  throws(() => writer.uuid("short"), unencodable);
  throws(() => writer.uuid("!".repeat(22)), unencodable);
  throws(() => writer.string("x".repeat(0x8000)), unencodable);
  equal(writer.length, 0);
});

test("no read passes the end", () => {
  const reads: ((reader: ByteReader) => unknown)[] = [
    (reader) => reader.int64(),
    (reader) => reader.uuid(),
    (reader) => reader.bytes(9),
    (reader) => reader.bytes(-1),
    (reader) => reader.utf8(8),
    (reader) => reader.enter(8),
    (reader) => reader.checkCount(8, 1),
    (reader) => reader.nullableString(),
    (reader) => reader.nullableBytes(),
  ];
  for (const read of reads) throws(() => read(new ByteReader(Buffer.alloc(20, 0x7f), 3, 10)), malformed);
});

test("a sized part moves when its size needs more bytes", () => {
  for (const size of [0, 1, 127, 128, 16383, 16384, 70000]) {
    const writer = new ByteWriter(4);
    writer.int8(9);
    const start = writer.beginSized();
    for (let i = 0; i < size; i += 1) writer.int8((i % 100) + 1);
    writer.endSized(start);
    writer.int8(8);
    const reader = new ByteReader(writer.finish());
    equal(reader.int8(), 9);
    equal(reader.uvarint(), size);
    equal(uvarintBytes(size) + size + 2, writer.length);
    for (let i = 0; i < size; i += 1) equal(reader.int8(), (i % 100) + 1);
    equal(reader.int8(), 8);
  }
});

test("large bytes are referenced, in order", () => {
  const large = Buffer.alloc(5000, 1);
  const writer = new ByteWriter(8);
  writer.int32(7);
  writer.rawShared(large);
  writer.rawShared(Buffer.from("small"));
  writer.rawShared(large);
  const pieces = writer.pieces();
  equal(pieces.length, 4);
  equal(pieces[1], large);
  equal(writer.length, 4 + 5000 + 5 + 5000);
  deepEqual(Buffer.concat(pieces), Buffer.from(writer.finish()));
  writer.reset();
  equal(writer.length, 0);
});

test("crc32c is right on views of shared memory, whole and piece by piece", () => {
  const memory = new Uint8Array(new SharedArrayBuffer(64), 8, 9);
  Buffer.from("123456789").forEach((byte, i) => {
    memory[i] = byte;
  });
  equal(crc32c(memory), 0xe3069283); // the check value of CRC-32C
  equal(crc32c(memory.subarray(4), crc32c(memory.subarray(0, 4))), 0xe3069283);
  equal(crc32c(new Uint8Array(0)), 0);
});
