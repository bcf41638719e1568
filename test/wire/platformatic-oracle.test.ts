// Goal: another implementation, written from the same protocol by other people, reads and writes what we do.
// Method: @platformatic/kafka's own codecs for every message and version that both know. Its responses are parsed and compared field by field;
// its requests must be our bytes. What is left out is left out by name, because its functions take their arguments in another shape there.
import { deepEqual, equal, ok } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { encodeMessage } from "@tidemq/protocol/codec.ts";
import { COMPRESSIONS } from "@tidemq/protocol/compression.ts";
import { ERRORS } from "@tidemq/protocol/error-codes.ts";
import { decodeRecords } from "@tidemq/protocol/record.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import type { Field, Fields, Message } from "@tidemq/protocol/schema.ts";
import { comparable } from "./comparable.ts";
import { declaredMessages, versionsOf } from "./declarations.ts";
import { goldenRecords } from "./golden-records.ts";
import { sampleValue, type Values, withDefaults } from "./sample-value.ts";

type Api = Readonly<{
  createRequest: (...values: unknown[]) => { buffer: Buffer };
  parseResponse: (correlationId: number, apiKey: number, apiVersion: number, reader: unknown) => unknown;
}>;
type TheirRecord = Readonly<{
  key: Buffer | null;
  value: Buffer | null;
  offsetDelta: number;
  timestampDelta: bigint;
  headers: readonly unknown[];
}>;
type TheirBatch = Readonly<{ firstOffset: bigint; firstTimestamp: bigint; records: readonly TheirRecord[] }>;

// The package exports its clients only, so its codecs are imported by their place.
const DIST = new URL("../../node_modules/@platformatic/kafka/dist/", import.meta.url);
const { Reader } = (await import(new URL("protocol/reader.js", DIST).href)) as {
  Reader: { from: (bytes: Buffer) => { remaining: number } };
};
const { createRecordsBatch, readRecordsBatches } = (await import(new URL("protocol/records.js", DIST).href)) as {
  createRecordsBatch: (messages: unknown[], options: unknown) => { buffer: Buffer };
  readRecordsBatches: (reader: unknown) => TheirBatch[];
};
const { protocolErrors } = (await import(new URL("protocol/errors.js", DIST).href)) as {
  protocolErrors: Record<string, { code: number; canRetry: boolean }>;
};

/** Requests whose functions take something else than the fields in their order. */
const OTHER_ARGUMENTS: Readonly<Record<string, readonly number[] | "all">> = {
  ProduceRequest: "all", // messages, not batches
  FetchRequest: "all", // no replica id, fixed log start offset
  ListOffsetsRequest: [1],
  MetadataRequest: [10, 11], // never sends topic ids
  OffsetCommitRequest: [2, 3, 4, 5, 6],
  OffsetFetchRequest: [1, 2, 3, 4, 5, 6, 7],
  FindCoordinatorRequest: [0, 1, 2, 3],
  JoinGroupRequest: [0, 1, 2, 3, 4],
  LeaveGroupRequest: [0, 1, 2],
  SyncGroupRequest: [0, 1, 2, 3, 4],
  ListGroupsRequest: [5], // checks the type
  DeleteTopicsRequest: [1, 2, 3, 4, 5],
  OffsetForLeaderEpochRequest: "all", // another field name
  AddPartitionsToTxnRequest: [0, 1, 2, 3],
  TxnOffsetCommitRequest: [0, 1, 2],
  DescribeAclsRequest: "all", // one filter object
  DeleteAclsRequest: "all",
  DescribeLogDirsRequest: "all", // another field name
  CreateDelegationTokenRequest: [1, 2],
  AlterPartitionReassignmentsRequest: [0],
  AlterClientQuotasRequest: "all", // another shape of entities
  ConsumerGroupHeartbeatRequest: [0],
};

/** Fields of its results that have another name or shape than Kafka's. */
const OTHER_RESULTS: Readonly<Record<string, RegExp>> = {
  FetchResponse: /^responses\.\d\.(topicId$|partitions\.\d\.records$)/, // names in the place of ids before version 13; records decoded
  FindCoordinatorResponse: /^coordinators$/,
  ApiVersionsResponse: /^apiKeys\.\d\.name$/,
  CreateTopicsResponse: /^topics\.\d\.configs$/,
  AddPartitionsToTxnResponse: /^resultsByTransaction$/,
  DescribeAclsResponse: /\.resourcePatternType$/,
  DeleteAclsResponse: /\.resourcePatternType$/,
  DescribeConfigsResponse: /\.documentation$/,
  DescribeQuorumResponse: /errorMessage$/,
};

const files = findApis();
let compared = 0;

for (const message of await declaredMessages()) {
  const versions = versionsOf(message).filter((version) => message.kind !== "data" && files.has(fileOf(message, version)));
  if (versions.length === 0) continue;
  test(`${message.name} ${versions.join(",")}`, async () => {
    for (const version of versions) {
      const api = (await import(files.get(fileOf(message, version)) as string)) as Api;
      if (message.kind === "response") compareResponse(api, message, version);
      else compareRequest(api, message, version);
    }
  });
}

test("a fair part was compared", () => ok(compared > 300, `${compared} messages`));

function compareResponse(api: Api, message: Message, version: number): void {
  const value = withoutErrors(sampleValue(message, version, "full")) as Values;
  const reader = Reader.from(encode(message, version, value));
  const theirs = api.parseResponse(1, message.apiKey, version, reader);
  equal(reader.remaining, 0);
  const differences: string[] = [];
  collectDifferences(ourForm(theirs), comparable(withDefaults(message.fields, version, value)), [], differences);
  const allowed = OTHER_RESULTS[message.name];
  deepEqual(
    differences.filter((difference) => allowed === undefined || !allowed.test(difference)),
    [],
    `version ${version}`,
  );
  compared += 1;
}

function compareRequest(api: Api, message: Message, version: number): void {
  const left = OTHER_ARGUMENTS[message.name];
  if (left === "all" || left?.includes(version)) return;
  const value = sampleValue(message, version, "full");
  const theirs = api.createRequest(...Object.values(theirForm(message.fields, value)));
  equal(theirs.buffer.toString("hex"), encode(message, version, value).toString("hex"), `version ${version}`);
  compared += 1;
}

for (const compression of COMPRESSIONS) {
  test(`batches with ${compression}`, () => {
    const records = goldenRecords();
    const [theirs] = readRecordsBatches(Reader.from(buildBatch(records, { compression }) as Buffer)) as [TheirBatch];
    theirs.records.forEach((record, i) => {
      equal(Number(theirs.firstTimestamp + record.timestampDelta), records[i]?.timestampMs);
      equal(record.value?.toString(), records[i]?.value?.toString());
      equal(record.key?.toString(), records[i]?.key?.toString());
      equal(record.headers.length, records[i]?.headers.length);
    });
    const messages = records.map((record) => ({ ...record, timestamp: BigInt(record.timestampMs), headers: new Map<string, string>() }));
    const bytes = createRecordsBatch(messages, { compression }).buffer;
    equal(batch.checkProducedBatch(bytes, 0, bytes.length), 0);
    ok(batch.isBatchCrcRight(bytes, 0));
    const expected = records.map((record, i) => ({ ...record, offset: i, headers: [] }));
    deepEqual(comparable(decodeRecords(bytes, 0, 1 << 20)), comparable(expected));
  });
}

test("error numbers and names, and what may be retried", () => {
  for (const [name, { code, canRetry }] of Object.entries(protocolErrors)) {
    const ours = ERRORS.find((error) => error.name === name);
    deepEqual([ours?.code, ours?.retriable], [code, canRetry], name);
  }
  ok(Object.keys(protocolErrors).length > 100);
});

function encode(message: Message, version: number, value: Values): Buffer {
  const writer = new ByteWriter();
  encodeMessage(message, version, value, writer);
  return Buffer.from(writer.finish());
}

function findApis(): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(new URL("apis/", DIST), { recursive: true, encoding: "utf8" })) {
    if (/-v\d+\.js$/.test(file)) found.set(file.replace(/^.*\//, ""), new URL(`apis/${file}`, DIST).href);
  }
  return found;
}

function fileOf(message: Message, version: number): string {
  const api = message.name.replace(/(Request|Response)$/, "");
  return `${api.replace(/(?<!^)([A-Z])/g, "-$1").toLowerCase()}-v${version}.js`;
}

/** Its parsers throw when they meet an error, so there is none. */
function withoutErrors(value: unknown, name = ""): unknown {
  if (/errorCode$/i.test(name)) return 0;
  if (/errorMessage$/i.test(name)) return null;
  if (name === "records") return Buffer.alloc(0);
  if (Array.isArray(value)) return value.map((item) => withoutErrors(item, name));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutErrors(inner, key)]));
}

/** 64-bit integers as bigint, uuids with dashes. */
function theirForm(fields: Fields, value: Values): Values {
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, theirField(fields[name] as Field, inner)]));
}

function theirField(field: Field, value: unknown): unknown {
  if (value === null) return null;
  const element = field.element;
  if (element !== undefined) return (value as unknown[]).map((item) => theirField(element, item));
  if (field.fields !== undefined) return theirForm(field.fields, value as Values);
  if (field.type === "int64") return BigInt(value as number);
  if (field.type !== "uuid") return value;
  return Buffer.from(value as string, "base64url")
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** The reverse of `theirForm`, as `comparable` makes it. */
function ourForm(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) {
    return Buffer.from(value.replaceAll("-", ""), "hex").toString("base64url");
  }
  if (value instanceof Uint8Array) return comparable(value);
  if (Array.isArray(value)) return value.map(ourForm);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, ourForm(inner)]));
}

/** Paths at which what they found is not what we sent. Fields that they do not report are not compared. */
function collectDifferences(theirs: unknown, ours: unknown, path: readonly string[], differences: string[]): void {
  if (typeof theirs === "object" && theirs !== null && typeof ours === "object" && ours !== null) {
    if (Array.isArray(theirs) && theirs.length !== (ours as unknown[]).length) differences.push(path.join("."));
    else
      for (const [name, inner] of Object.entries(theirs)) collectDifferences(inner, (ours as Values)[name], [...path, name], differences);
  } else if (!Object.is(theirs, ours)) {
    differences.push(path.join("."));
  }
}
