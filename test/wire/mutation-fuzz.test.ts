// Goal: foreign bytes give a value or a ProtocolError; never another error, a hang, or memory out of proportion to the frame.
// Method: valid bytes, changed a little at random places (a seed fixes them), and random bytes; every decoder of the package.
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage, encodeMessage } from "@tidemq/protocol/codec.ts";
import { COMPRESSIONS, compressionCodec, compressionId } from "@tidemq/protocol/compression.ts";
import { decodeRequestHeader, decodeResponseHeader, encodeRequestFrame } from "@tidemq/protocol/headers.ts";
import { metadataRequest } from "@tidemq/protocol/messages/03-metadata.ts";
import { deleteTopicsRequest } from "@tidemq/protocol/messages/20-delete-topics.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { checkRecords, decodeControlMarker, decodeRecords, RecordCursor } from "@tidemq/protocol/record.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { buildBatch, buildControlBatch } from "@tidemq/protocol/record-batch-builder.ts";
import type { Message } from "@tidemq/protocol/schema.ts";
import { declaredMessages, versionsOf } from "./declarations.ts";
import { sampleValue } from "./sample-value.ts";

const MUTATIONS_PER_VERSION = 40;
const DECOMPRESSED_BYTES_MAX = 100_000;

/** Interesting values for a byte: ends of ranges, and lengths that run away. */
const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0x81];

/** A small repeatable source of chance (xorshift32). */
class Chance {
  #state: number;
  constructor(seed: number) {
    this.#state = seed * 2_654_435_761 + 1;
  }
  below(n: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % n;
  }
}

function mutate(original: Uint8Array, chance: Chance): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let left = 1 + chance.below(3); left > 0 && bytes.length > 0; left -= 1) {
    const at = chance.below(bytes.length);
    const kind = chance.below(6);
    if (kind === 0) bytes[at] = (bytes[at] as number) ^ (1 << chance.below(8));
    else if (kind === 1) bytes[at] = BYTES[chance.below(BYTES.length)] as number;
    else if (kind === 2) bytes = bytes.subarray(0, at);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    else if (kind === 4) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([chance.below(256)]), bytes.subarray(at)]);
    else bytes.fill(0xff, at, Math.min(bytes.length, at + 1 + chance.below(8)));
  }
  return bytes;
}

/** @returns Whether it was refused. */
function refusedOrFine(decode: () => unknown): boolean {
  try {
    decode();
    return false;
  } catch (error) {
    if (error instanceof ProtocolError) return true;
    throw error;
  }
}

for (const message of await declaredMessages()) {
  test(`${message.name}: mutated bytes`, () => {
    let refused = 0;
    let tried = 0;
    for (const version of versionsOf(message)) {
      const writer = new ByteWriter();
      encodeMessage(message, version, sampleValue(message, version, "full"), writer);
      const chance = new Chance(version + 1);
      for (let i = 0; i < MUTATIONS_PER_VERSION; i += 1) {
        const bytes = mutate(writer.finish(), chance);
        tried += 1;
        if (refusedOrFine(() => decodeMessage(message, version, new ByteReader(bytes)))) refused += 1;
      }
    }
    ok(refused > 0 || message.kind !== "response", `${refused} of ${tried} refused`);
  });
}

test("headers: mutated bytes", () => {
  const chance = new Chance(7);
  const writer = new ByteWriter();
  encodeRequestFrame(metadataRequest, 12, 77, "client", { topics: [] }, writer);
  const request = writer.finish().subarray(4);
  let refused = 0;
  for (let i = 0; i < 3000; i += 1) {
    const bytes = mutate(request, chance);
    if (refusedOrFine(() => decodeRequestHeader(new ByteReader(bytes)))) refused += 1;
    refusedOrFine(() => decodeResponseHeader(chance.below(100), chance.below(20), new ByteReader(bytes)));
  }
  ok(refused > 100);
});

test("batches: mutated bytes", () => {
  const chance = new Chance(11);
  const cursor = new RecordCursor();
  const records = Array.from({ length: 20 }, (_, i) => ({
    timestampMs: 1000 + i * 37,
    key: i % 3 === 0 ? null : Buffer.from(`key-${i}`),
    value: Buffer.alloc(i * 9, i),
    headers:
      i % 4 === 0
        ? [
            { key: "h", value: Buffer.from("x") },
            { key: "null", value: null },
          ]
        : [],
  }));
  const originals = [
    ...COMPRESSIONS.map((compression) => buildBatch(records, { compression, producerId: 3, producerEpoch: 1, baseSequence: 0 })),
    buildControlBatch({ type: "commit", coordinatorEpoch: 1 }, { producerId: 1, producerEpoch: 0, timestampMs: 1 }),
  ];
  let caught = 0;
  for (const original of originals) {
    for (let i = 0; i < 600; i += 1) {
      const bytes = mutate(original, chance);
      const isFine = batch.checkProducedBatch(bytes, 0, bytes.length) === 0;
      if (!isFine || !batch.isBatchCrcRight(bytes, 0)) caught += 1;
      if (batch.wholeBatchBytes(bytes, 0, bytes.length) === 0) continue;
      refusedOrFine(() => decodeRecords(bytes, 0, DECOMPRESSED_BYTES_MAX));
      refusedOrFine(() => decodeControlMarker(bytes, 0, DECOMPRESSED_BYTES_MAX));
      checkRecords(bytes, 0, DECOMPRESSED_BYTES_MAX, cursor);
    }
  }
  ok(caught >= originals.length * 600 * 0.85, `${caught} caught`);
});

test("compressed data: mutated bytes stay below the limit", () => {
  const chance = new Chance(13);
  const plain = Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i % 100 < 60 ? 7 : i * i)));
  for (const name of COMPRESSIONS) {
    const codec = compressionCodec(compressionId(name));
    const packed = codec.compress(plain);
    ok(Buffer.from(codec.decompress(packed, plain.length)).equals(plain));
    if (name !== "none")
      ok(
        refusedOrFine(() => codec.decompress(packed, plain.length - 1)),
        `${name}: one byte too many`,
      );
    for (let i = 0; i < 400; i += 1) {
      const bytes = mutate(i % 2 === 0 ? packed : packed.subarray(0, 64), chance);
      refusedOrFine(() => ok(codec.decompress(bytes, DECOMPRESSED_BYTES_MAX).byteLength <= DECOMPRESSED_BYTES_MAX));
    }
  }
});

test("random bytes", async () => {
  const chance = new Chance(17);
  for (const message of await declaredMessages()) {
    for (let i = 0; i < 20; i += 1) {
      const bytes = Buffer.from(Array.from({ length: chance.below(200) }, () => chance.below(256)));
      refusedOrFine(() => decodeMessage(message, message.versions.max, new ByteReader(bytes)));
    }
  }
});

test("a count that the frame cannot hold costs nothing", () => {
  const frame = Buffer.from("7fffffff" + "0001", "hex");
  ok(refusedOrFine(() => decodeMessage(metadataRequest, 0, new ByteReader(frame))));
  const compact = Buffer.from("ffffffff0f" + "00", "hex");
  ok(refusedOrFine(() => decodeMessage(metadataRequest, 9, new ByteReader(compact))));
});

test("the number of elements in one message is limited", () => {
  const writer = new ByteWriter();
  const decode = (message: Message, version: number, value: Record<string, unknown>, elementsMax: number): unknown => {
    writer.reset();
    encodeMessage(message, version, value, writer);
    return decodeMessage(message, version, new ByteReader(writer.finish(), 0, writer.length, elementsMax));
  };
  const topics = Array.from({ length: 1000 }, () => ({ name: "" }));
  decode(metadataRequest, 1, { topics }, 1001); // the message itself is one
  ok(refusedOrFine(() => decode(metadataRequest, 1, { topics }, 1000)));
  const topicNames = Array.from({ length: 1000 }, () => "");
  decode(deleteTopicsRequest, 5, { topicNames, timeoutMs: 1 }, 1001);
  ok(refusedOrFine(() => decode(deleteTopicsRequest, 5, { topicNames, timeoutMs: 1 }, 1000)));
});

test("a large frame of hostile bytes is decoded or refused at once", async () => {
  const start = performance.now();
  for (const fill of ["00", "01", "02", "00010000", "0000ffff", "ffff0300"]) {
    const frame = Buffer.alloc(1 << 20, fill, "hex");
    for (const message of await declaredMessages()) {
      for (const version of versionsOf(message)) {
        refusedOrFine(() => decodeMessage(message, version, new ByteReader(frame, 0, frame.length, 100_000)));
      }
    }
  }
  ok(performance.now() - start < 30_000);
});
