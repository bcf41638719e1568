import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { decodeResponseHeader, encodeResponseFrame } from "@tidemq/protocol/headers.ts";
import { produceResponse } from "@tidemq/protocol/messages/00-produce.ts";
import fc from "fast-check";
import type { BrokerEndpoint } from "./broker-endpoints.ts";
import { endpointsBytesMax, failPartition, ProduceResponseWriter, produceResponseBytesMax } from "./produce-response.ts";

const version = fc.integer({ min: produceResponse.versions.min, max: produceResponse.versions.max });
const partition = fc.record({
  index: fc.nat(),
  errorCode: fc.constantFrom(0, 3, 6, 10, 87, -1),
  baseOffset: fc.maxSafeInteger().map(Math.abs),
  logAppendTimeMs: fc.constantFrom(-1, 1_700_000_000_000),
  logStartOffset: fc.maxSafeInteger().map(Math.abs),
  message: fc.constantFrom(null, "", "a message of some length", "x".repeat(127)),
  leader: fc.constantFrom(undefined, { id: 1, epoch: 7 }, { id: -1, epoch: 7 }),
});
const topics = fc.array(
  fc.record({ name: fc.uint8Array({ minLength: 16, maxLength: 16 }), partitions: fc.array(partition, { maxLength: 4 }) }),
  { maxLength: 3 },
);

const endpoint = fc.record({
  id: fc.nat(),
  host: fc.constantFrom("a", "broker-7.example", "ü".repeat(63), "x".repeat(126), "x".repeat(127), "x".repeat(256)),
  port: fc.nat(65_535),
  rack: fc.constantFrom(null, "", "east", "r".repeat(256)),
  isFenced: fc.constant(false),
});
const endpoints = fc.array(endpoint, { maxLength: 130 });

type Topics = typeof topics extends fc.Arbitrary<infer T> ? T : never;

function nameOf(bytes: Uint8Array, of: number): string {
  return of >= 13
    ? Buffer.from(bytes).toString("base64url")
    : Buffer.from(bytes)
        .toString("latin1")
        .replace(/[^a-z]/g, "x");
}

function written(value: Topics, of: number, correlationId: number, throttleMs: number, leaders: readonly BrokerEndpoint[] = []): Buffer {
  const names = value.map(({ name }) => (of >= 13 ? Buffer.from(name) : Buffer.from(nameOf(name, of))));
  const nameBytes = names.reduce((sum, name) => sum + name.byteLength, 0);
  const partitions = value.reduce((sum, topic) => sum + topic.partitions.length, 0);
  const bytesMax = produceResponseBytesMax(value.length, nameBytes, partitions) + boundOf(leaders);
  const bytes = Buffer.alloc(7 + bytesMax, 0xaa);
  const writer = new ProduceResponseWriter();
  writer.begin(bytes, 7, of, correlationId, value.length);
  for (const [i, topic] of value.entries()) {
    const name = names[i] as Buffer;
    writer.topic(name, 0, name.byteLength, topic.partitions.length);
    for (const each of topic.partitions) {
      writer.partition(each.index, each.errorCode, each.baseOffset, each.logAppendTimeMs, each.logStartOffset, each.message);
      writer.partitionEnd(each.leader?.id ?? -1, each.leader?.epoch ?? -1);
    }
    writer.topicEnd();
  }
  const size = writer.end(throttleMs, leaders);
  ok(7 + size <= bytes.byteLength, "the bound holds");
  return bytes.subarray(7, 7 + size);
}

function boundOf(leaders: readonly BrokerEndpoint[]): number {
  const texts = leaders.map(({ host, rack }) => Buffer.byteLength(host) + Buffer.byteLength(rack ?? ""));
  return endpointsBytesMax(
    leaders.length,
    texts.reduce((sum, bytes) => sum + bytes, 0),
  );
}

function declared(
  value: Topics,
  of: number,
  correlationId: number,
  throttleTimeMs: number,
  leaders: readonly BrokerEndpoint[] = [],
): Buffer {
  const writer = new ByteWriter();
  const responses = value.map(({ name, partitions }) => ({
    ...(of >= 13 ? { topicId: nameOf(name, of) } : { name: nameOf(name, of) }),
    partitionResponses: partitions.map(({ message, leader, ...rest }) => ({
      ...rest,
      errorMessage: message,
      currentLeader: of >= 10 && leader !== undefined ? { leaderId: leader.id, leaderEpoch: leader.epoch } : undefined,
    })),
  }));
  const nodeEndpoints = of < 10 ? [] : leaders.map(({ id, host, port, rack }) => ({ nodeId: id, host, port, rack }));
  encodeResponseFrame(produceResponse, of, correlationId, { responses, throttleTimeMs, nodeEndpoints }, writer);
  return Buffer.from(writer.finish());
}

test("writes what the declaration of the message writes, within its bound, in every version", () => {
  fc.assert(
    fc.property(topics, version, fc.integer(), fc.nat(), endpoints, (value, of, correlationId, throttleMs, leaders) => {
      const bytes = written(value, of, correlationId, throttleMs, leaders);
      equal(bytes.toString("hex"), declared(value, of, correlationId, throttleMs, leaders).toString("hex"));
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("a partition that fails later has an error and no offset, and the rest is untouched", () => {
  for (let of = produceResponse.versions.min; of <= produceResponse.versions.max; of += 1) {
    const bytes = Buffer.alloc(1000);
    const writer = new ProduceResponseWriter();
    writer.begin(bytes, 0, of, 9, 1);
    writer.topic(Buffer.alloc(16, 0x61), 0, 16, 3);
    const positions = [1, 2, 3].map((index) => {
      const at = writer.errorAt;
      writer.partition(index, 0, 1000 + index, 5, 7, null);
      writer.partitionEnd(-1, -1);
      return at;
    });
    writer.topicEnd();
    const size = writer.end(0);
    failPartition(bytes, positions[1] as number, of, 19);
    const reader = new ByteReader(bytes, 4, size);
    decodeResponseHeader(0, of, reader);
    const [topic] = decodeMessage(produceResponse, of, reader).responses;
    const logStart = of >= 5 ? 7 : -1;
    deepEqual(
      topic?.partitionResponses.map(({ errorCode, baseOffset, logAppendTimeMs, logStartOffset }) => [
        errorCode,
        baseOffset,
        logAppendTimeMs,
        logStartOffset,
      ]),
      [
        [0, 1001, 5, logStart],
        [19, -1, -1, -1],
        [0, 1003, 5, logStart],
      ],
    );
    equal(reader.remaining, 0);
  }
});
