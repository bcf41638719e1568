import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage, encodeMessage } from "@tidemq/protocol/codec.ts";
import { type ProduceRequest, produceRequest } from "@tidemq/protocol/messages/00-produce.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import fc from "fast-check";
import { ProduceScanner } from "./produce-scanner.ts";

const version = fc.integer({ min: produceRequest.versions.min, max: produceRequest.versions.max });

const body = fc.record({
  transactionalId: fc.option(fc.string({ maxLength: 10 }), { nil: null }),
  acks: fc.integer({ min: -2, max: 3 }),
  timeoutMs: fc.integer({ min: -5, max: 100_000 }),
  topicData: fc.array(
    fc.record({
      name: fc.oneof(fc.string({ maxLength: 8 }), fc.constant("ü".repeat(100))),
      topicId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("base64url")),
      partitionData: fc.array(
        fc.record({
          index: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
          records: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null }),
        }),
        { maxLength: 4 },
      ),
    }),
    { maxLength: 4 },
  ),
});

function encoded(value: Parameters<typeof encodeMessage<typeof produceRequest>>[2], of: number): Buffer {
  const writer = new ByteWriter();
  encodeMessage(produceRequest, of, value, writer);
  return Buffer.from(writer.finish());
}

/** What the scanner sees, in the form of the declared message. */
function scanned(bytes: Uint8Array, of: number): unknown {
  const scanner = new ProduceScanner();
  scanner.check(bytes, 0, bytes.byteLength, of);
  const topics = [];
  while (scanner.nextTopic()) {
    const name = Buffer.from(bytes.subarray(scanner.nameStart, scanner.nameStart + scanner.nameLength)).toString(
      of >= 13 ? "base64url" : "utf8",
    );
    const partitions = [];
    equal(scanner.topicPartitions >= 0, true);
    while (scanner.nextPartition())
      partitions.push([scanner.index, Buffer.from(bytes.subarray(scanner.recordsStart, scanner.recordsEnd)).toString("hex")]);
    topics.push([name, partitions]);
  }
  return { transactional: scanner.isTransactional, acks: scanner.acks, timeoutMs: scanner.timeoutMs, topics };
}

function declared(request: ProduceRequest, of: number): unknown {
  const topics = request.topicData.map(({ name, topicId, partitionData }) => [
    of >= 13 ? topicId : name,
    partitionData.map(({ index, records }) => [index, Buffer.from(records ?? []).toString("hex")]),
  ]);
  return { transactional: request.transactionalId !== null, acks: request.acks, timeoutMs: request.timeoutMs, topics };
}

test("sees what the declaration of the message sees, in every version", () => {
  fc.assert(
    fc.property(body, version, (value, of) => {
      const bytes = encoded(value, of);
      deepEqual(scanned(bytes, of), declared(decodeMessage(produceRequest, of, new ByteReader(bytes)), of));
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("tells how much an answer may take before it is walked through", () => {
  fc.assert(
    fc.property(body, version, (value, of) => {
      const bytes = encoded(value, of);
      const scanner = new ProduceScanner();
      scanner.check(bytes, 0, bytes.byteLength, of);
      equal(scanner.topics, value.topicData.length);
      equal(
        scanner.partitions,
        value.topicData.reduce((sum, topic) => sum + topic.partitionData.length, 0),
      );
      equal(
        scanner.nameBytes,
        value.topicData.reduce((sum, topic) => sum + (of >= 13 ? 16 : Buffer.byteLength(topic.name)), 0),
      );
    }),
    { numRuns: 100, seed: 2 },
  );
});

test("accepts and refuses damaged requests exactly as the declaration does", () => {
  const damage = fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { maxLength: 3 });
  fc.assert(
    fc.property(body, version, damage, fc.nat(3), (value, of, changes, cut) => {
      const bytes = encoded(value, of);
      for (const [at, byte] of changes) if (bytes.byteLength > 0) bytes[at % bytes.byteLength] = byte;
      const short = bytes.subarray(0, bytes.byteLength - Math.min(cut, bytes.byteLength));
      let expected: unknown;
      try {
        expected = declared(decodeMessage(produceRequest, of, new ByteReader(short)), of);
      } catch (error) {
        ok(error instanceof ProtocolError);
      }
      if (expected === undefined) throws(() => scanned(short, of), ProtocolError);
      else deepEqual(scanned(short, of), expected);
    }),
    { numRuns: 2000, seed: 3 },
  );
});

test("a count that the frame cannot hold is refused at once", () => {
  const bytes = encoded({ acks: 1, timeoutMs: 1, topicData: [] }, 9);
  const huge = Buffer.concat([bytes.subarray(0, 7), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f])]);
  throws(() => new ProduceScanner().check(huge, 0, huge.byteLength, 9), ProtocolError);
});
