import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import lz4 from "lz4-napi";
import snappy from "snappy";
import { COMPRESSIONS, type CompressionCodec, compressionCodec, compressionId } from "./compression.ts";
import { ProtocolError } from "./protocol-error.ts";

const BYTES_MAX = 1 << 20;
const codecs = COMPRESSIONS.map((name) => compressionCodec(compressionId(name)));
const codec = (name: (typeof COMPRESSIONS)[number]): CompressionCodec => compressionCodec(compressionId(name));
const isError =
  (code: ProtocolError["code"]) =>
  (error: unknown): boolean =>
    error instanceof ProtocolError && error.code === code;

/** Repetitive in part, so that blocks are compressed; random in part, so that some are not. */
function sample(byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount, "some text that repeats itself, ");
  let state = 1;
  for (let i = 0; i < Math.min(byteCount / 2, 100_000); i += 1) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

test("all sizes survive, also over the borders of blocks", () => {
  for (const size of [0, 1, 100, 32_767, 32_768, 65_536, 65_537, 300_000]) {
    const plain = sample(size);
    for (const { name, compress, decompress } of codecs) {
      ok(plain.equals(decompress(compress(plain), BYTES_MAX)), `${name} ${size}`);
      ok(plain.equals(decompress(compress(plain), size)), `${name} ${size}: exactly the limit`);
    }
  }
});

test("views of shared memory are compressed and decompressed", () => {
  const plain = sample(100_000);
  const shared = Buffer.from(new SharedArrayBuffer(200_000), 7, plain.length);
  plain.copy(shared);
  const view = new Uint8Array(shared.buffer, shared.byteOffset, shared.length);
  for (const { name, compress, decompress } of codecs) {
    const packed = Buffer.from(new SharedArrayBuffer(200_000), 3, compress(view).byteLength);
    Buffer.from(compress(view)).copy(packed);
    ok(plain.equals(decompress(new Uint8Array(packed.buffer, packed.byteOffset, packed.length), BYTES_MAX)), name);
  }
});

test("one byte above the limit is refused", () => {
  const plain = sample(100_000);
  for (const { compress, decompress } of codecs) throws(() => decompress(compress(plain), plain.length - 1), isError("TOO_LARGE"));
});

test("a bomb is refused before memory is taken for it", () => {
  const zeros = Buffer.alloc(64 << 20);
  for (const { name, compress, decompress } of codecs.slice(1)) {
    const packed = compress(zeros);
    const before = process.memoryUsage().rss;
    throws(() => decompress(packed, BYTES_MAX), isError("TOO_LARGE"), name);
    const grown = process.memoryUsage().rss - before;
    ok(grown < 24 << 20, `${name}: ${grown} bytes more`);
  }
});

test("what is cut off or empty is corrupt", () => {
  const plain = sample(50_000);
  for (const { compress, decompress } of codecs.slice(1)) {
    const packed = compress(plain);
    for (const length of [1, 3, 10, 15, Math.floor(packed.byteLength / 2)]) {
      throws(() => decompress(packed.subarray(0, length), BYTES_MAX), isError("CORRUPT"));
    }
  }
  for (const name of ["gzip", "lz4", "snappy"] as const)
    throws(() => codec(name).decompress(Buffer.alloc(0), BYTES_MAX), isError("CORRUPT"));
});

test("there is no codec 5", () => {
  for (const id of [-1, 5, 7]) throws(() => compressionCodec(id), isError("UNSUPPORTED_COMPRESSION"));
});

test("snappy: one raw block, as librdkafka sends it", () => {
  const plain = sample(100_000);
  ok(plain.equals(codec("snappy").decompress(snappy.compressSync(plain), BYTES_MAX)));
});

test("snappy: a block that claims a size out of proportion is refused", () => {
  const claim = Buffer.from("80808004" + "00", "hex"); // 8 MiB out of one byte
  throws(() => codec("snappy").decompress(claim, 1 << 30), isError("CORRUPT"));
  throws(() => codec("snappy").decompress(claim, BYTES_MAX), isError("TOO_LARGE"));
});

test("snappy: the framing is snappy-java's", () => {
  const packed = Buffer.from(codec("snappy").compress(sample(70_000)));
  equal(packed.subarray(0, 16).toString("hex"), "82534e41505059000000000100000001");
  const blocks: number[] = [];
  for (let at = 16; at < packed.length; at += 4 + packed.readInt32BE(at)) blocks.push(packed.readInt32BE(at));
  equal(blocks.length, 3);
});

test("lz4: frames of any kind are read", () => {
  const plain = sample(500_000);
  for (const options of [{}, { contentChecksum: true }, { blockChecksums: true }, { contentChecksum: true, blockChecksums: true }]) {
    ok(plain.equals(codec("lz4").decompress(lz4.compressFrameSync(plain, options), BYTES_MAX)), JSON.stringify(options));
    throws(() => codec("lz4").decompress(lz4.compressFrameSync(plain, options), plain.length - 1), isError("TOO_LARGE"));
  }
});

test("lz4: our frames have independent blocks, which Kafka's Java clients insist on", () => {
  const packed = Buffer.from(codec("lz4").compress(sample(70_000)));
  equal(packed.subarray(0, 7).toString("hex"), "04224d18604082");
  equal(packed.subarray(-4).toString("hex"), "00000000");
});

test("lz4: a limit between the cheap bound and the true size is decided exactly", () => {
  const plain = sample(65_536 * 3 + 5);
  const packed = codec("lz4").compress(plain);
  deepEqual(Buffer.from(codec("lz4").decompress(packed, plain.length)), plain);
});

test("gzip: several members are one stream", () => {
  const packed = Buffer.concat([gzipSync("first "), gzipSync("second")]);
  equal(Buffer.from(codec("gzip").decompress(packed, BYTES_MAX)).toString(), "first second");
});
