// Goal: whatever a version can carry comes back unchanged, and what it cannot carry is refused, not lost.
import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage, encodeMessage } from "@tidemq/protocol/codec.ts";
import { produceRequest } from "@tidemq/protocol/messages/00-produce.ts";
import { metadataRequest } from "@tidemq/protocol/messages/03-metadata.ts";
import { apiVersionsResponse, decodeApiVersionsResponse } from "@tidemq/protocol/messages/18-api-versions.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import type { Message } from "@tidemq/protocol/schema.ts";
import fc from "fast-check";
import { arbitraryValue } from "./arbitrary-value.ts";
import { comparable } from "./comparable.ts";
import { declaredMessages, versionsOf } from "./declarations.ts";
import { withDefaults } from "./sample-value.ts";

const RUNS_PER_VERSION = 12;

for (const message of await declaredMessages()) {
  test(`${message.name}: every version survives`, () => {
    for (const version of versionsOf(message)) {
      fc.assert(
        fc.property(arbitraryValue(message, version), (value) => {
          const bytes = encode(message, version, value);
          const reader = new ByteReader(bytes);
          const decoded = decodeMessage(message, version, reader);
          equal(reader.remaining, 0);
          deepEqual(comparable(decoded), comparable(withDefaults(message.fields, version, value)));
          deepEqual(encode(message, version, decoded), bytes, "encoding again gives the same bytes");
        }),
        { seed: version + 1, numRuns: RUNS_PER_VERSION },
      );
    }
    for (const version of [message.versions.min - 1, message.versions.max + 1]) {
      throws(() => encodeMessage(message, version, {}, new ByteWriter()), isError("UNSUPPORTED_VERSION"));
      throws(() => decodeMessage(message, version, new ByteReader(Buffer.alloc(100))), isError("UNSUPPORTED_VERSION"));
    }
  });
}

test("a field that the version cannot carry is refused, unless it may be ignored", () => {
  const writer = new ByteWriter();
  throws(() => encodeMessage(metadataRequest, 3, { topics: null, allowAutoTopicCreation: false }, writer), isError("UNSUPPORTED_VERSION"));
  encodeMessage(metadataRequest, 3, { topics: null, allowAutoTopicCreation: true }, writer); // the default is what the version means
  encodeMessage(metadataRequest, 3, { topics: [{ name: "t", topicId: "AQIDBAUGBwgJCgsMDQ4PEA" }] }, writer);
});

test("null is refused where the version has none", () => {
  const writer = new ByteWriter();
  throws(() => encodeMessage(metadataRequest, 0, { topics: null }, writer), isError("UNENCODABLE"));
  throws(() => decodeMessage(metadataRequest, 0, new ByteReader(Buffer.from("ffffffff", "hex"))), isError("MALFORMED"));
});

test("unknown tagged fields are skipped", () => {
  // topics null, flags false and true, then two fields with tags 5 and 7
  const reader = new ByteReader(Buffer.from("00" + "00" + "01" + "02" + "05" + "03" + "aabbcc" + "07" + "00", "hex"));
  deepEqual(decodeMessage(metadataRequest, 12, reader), {
    topics: null,
    allowAutoTopicCreation: false,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: true,
  });
  equal(reader.remaining, 0);
});

test("records are views of the frame, and may be given in pieces", () => {
  const pieces = [Buffer.alloc(2000, 1), Buffer.alloc(10, 2), Buffer.alloc(3000, 3)];
  for (const version of [3, 9, 13]) {
    const topicData = [{ partitionData: [{ index: 0, records: pieces }] }];
    const writer = new ByteWriter();
    encodeMessage(produceRequest, version, { acks: -1, timeoutMs: 1, topicData }, writer);
    equal(writer.pieces().filter((piece) => pieces.includes(piece as Buffer<ArrayBuffer>)).length, 2, "large pieces are not copied");
    const frame = writer.finish();
    const decoded = decodeMessage(produceRequest, version, new ByteReader(frame));
    const records = decoded.topicData[0]?.partitionData[0]?.records as Uint8Array;
    deepEqual(Buffer.from(records), Buffer.concat(pieces));
    equal(records.buffer, frame.buffer);
  }
});

test("an ApiVersions request that is too new is answered in version 0, which its reader understands", () => {
  const writer = new ByteWriter();
  encodeMessage(apiVersionsResponse, 0, { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] }, writer);
  equal(Buffer.from(writer.finish()).toString("hex"), "0023" + "00000001" + "0012" + "0000" + "0004");
  const answer = decodeApiVersionsResponse(99, new ByteReader(writer.finish()));
  deepEqual(answer.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 4 }]);
});

function encode(message: Message, version: number, value: Record<string, unknown>): Uint8Array {
  const writer = new ByteWriter(16);
  encodeMessage(message, version, value, writer);
  return writer.finish();
}

function isError(code: ProtocolError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof ProtocolError && error.code === code;
}
