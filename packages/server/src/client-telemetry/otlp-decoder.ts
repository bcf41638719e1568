import { Buffer } from "node:buffer";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ATTRIBUTES_LENGTH_MAX, ATTRIBUTES_MAX, NAME_LENGTH_MAX, POINTS_MAX } from "./limits.ts";

/** One number of one metric. `attributes`: `key=value` pairs, sorted, joined by commas; those of the client itself in front. */
export type MetricPoint = Readonly<{ name: string; attributes: string; value: number; isDelta: boolean }>;

/** `unread`: points past the limit, and metrics of kinds that are not numbers (histograms, summaries). */
export type DecodedMetrics = Readonly<{ points: readonly MetricPoint[]; unread: number }>;

/*
 * The part of opentelemetry/proto/metrics/v1/metrics.proto that clients of Kafka send:
 *
 *   MetricsData      1 ResourceMetrics*
 *   ResourceMetrics  1 Resource { 1 KeyValue* }    2 ScopeMetrics* { 2 Metric* }
 *   Metric           1 name    5 Gauge { 1 point* }    7 Sum { 1 point*  2 temporality (1 = delta) }    9–11 other kinds
 *   point            4 double | 6 sfixed64    7 KeyValue*
 *   KeyValue         1 key    2 AnyValue { 1 string | 2 bool | 3 int | 4 double }
 *
 * A field is a tag (number · 8 + wire type) and a value; those that are not listed, also with another wire type, are skipped.
 */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const tag = (field: number, wire: number): number => field * 8 + wire;
const RESOURCE_METRICS = tag(1, BYTES);
const RESOURCE = tag(1, BYTES);
const RESOURCE_ATTRIBUTE = tag(1, BYTES);
const SCOPE_METRICS = tag(2, BYTES);
const METRIC = tag(2, BYTES);
const METRIC_NAME = tag(1, BYTES);
const GAUGE = tag(5, BYTES);
const SUM = tag(7, BYTES);
const OTHER_KINDS: ReadonlySet<number> = new Set([9, 10, 11].map((field) => tag(field, BYTES)));
const POINT = tag(1, BYTES);
const TEMPORALITY = tag(2, VARINT);
const DELTA = 1n;
const AS_DOUBLE = tag(4, FIXED64);
const AS_INT = tag(6, FIXED64);
const POINT_ATTRIBUTE = tag(7, BYTES);
const KEY = tag(1, BYTES);
const VALUE = tag(2, BYTES);
const TEXT = tag(1, BYTES);
const BOOL = tag(2, VARINT);
const INT = tag(3, VARINT);
const DOUBLE = tag(4, FIXED64);

const VARINT_BYTES_MAX = 10;
/** Of one of the 16-bit units in which the length of a string counts. */
const UTF8_BYTES_MAX = 3;

/** @throws {ProtocolError} MALFORMED */
export function decodeMetrics(bytes: Uint8Array): DecodedMetrics {
  const found: Found = { points: [], unread: 0 };
  eachField(new ByteReader(bytes), (field, reader) => {
    if (field !== RESOURCE_METRICS) return false;
    nested(reader, resourceMetrics(found));
    return true;
  });
  return found;
}

type Found = { readonly points: MetricPoint[]; unread: number };
/** `key=value` texts. */
type Attributes = string[];

/** Reads the field and says so; else it is skipped. */
type FieldReader = (field: number, reader: ByteReader) => boolean;

function resourceMetrics(found: Found): FieldReader {
  const own: Attributes = [];
  let ownText = "";
  return (field, reader) => {
    if (field === RESOURCE) {
      nested(reader, (inner) => {
        if (inner !== RESOURCE_ATTRIBUTE) return false;
        return attribute(reader, own);
      });
      ownText = joined(own);
    } else if (field === SCOPE_METRICS) {
      nested(reader, (inner) => {
        if (inner !== METRIC) return false;
        metric(reader, ownText, found);
        return true;
      });
    } else return false;
    return true;
  };
}

function metric(reader: ByteReader, ownText: string, found: Found): void {
  let name = "";
  let isDelta = false;
  const points: { attributes: string; value: number }[] = [];
  const numbers: FieldReader = (field) => {
    if (field === TEMPORALITY) isDelta = varint(reader) === DELTA;
    else if (field === POINT && found.points.length + points.length < POINTS_MAX) points.push(point(reader));
    else if (field === POINT) return passOver(found);
    else return false;
    return true;
  };
  nested(reader, (field) => {
    if (field === METRIC_NAME) name = text(reader, NAME_LENGTH_MAX);
    else if (field === GAUGE || field === SUM) nested(reader, numbers);
    else if (OTHER_KINDS.has(field)) return passOver(found);
    else return false;
    return true;
  });
  for (const { attributes, value } of points)
    found.points.push({
      name,
      attributes: [ownText, attributes]
        .filter((text) => text !== "")
        .join(",")
        .slice(0, ATTRIBUTES_LENGTH_MAX),
      value,
      isDelta,
    });
}

/** Not read, so it is skipped. */
function passOver(found: Found): false {
  found.unread += 1;
  return false;
}

function point(reader: ByteReader): { attributes: string; value: number } {
  const attributes: Attributes = [];
  let value = 0;
  nested(reader, (field) => {
    if (field === AS_DOUBLE) value = fixed64(reader).getFloat64(0, true);
    else if (field === AS_INT) value = Number(fixed64(reader).getBigInt64(0, true));
    else if (field === POINT_ATTRIBUTE) return attribute(reader, attributes);
    else return false;
    return true;
  });
  return { attributes: joined(attributes), value };
}

/** Past the limit it is not read, so it is skipped: whoever sends a hundred thousand must not have them sorted. */
function attribute(reader: ByteReader, attributes: Attributes): boolean {
  if (attributes.length >= ATTRIBUTES_MAX) return false;
  attributes.push(keyValue(reader));
  return true;
}

function keyValue(reader: ByteReader): string {
  let key = "";
  let value = "";
  nested(reader, (field) => {
    if (field === KEY) key = text(reader, ATTRIBUTES_LENGTH_MAX);
    else if (field === VALUE)
      nested(reader, (kind) => {
        if (kind === TEXT) value = text(reader, ATTRIBUTES_LENGTH_MAX);
        else if (kind === BOOL) value = String(varint(reader) !== 0n);
        else if (kind === INT) value = String(BigInt.asIntN(64, varint(reader)));
        else if (kind === DOUBLE) value = String(fixed64(reader).getFloat64(0, true));
        else return false;
        return true;
      });
    else return false;
    return true;
  });
  return `${key}=${value}`;
}

function joined(attributes: Attributes): string {
  return attributes.sort().join(",").slice(0, ATTRIBUTES_LENGTH_MAX);
}

function nested(reader: ByteReader, read: FieldReader): void {
  const outerEnd = reader.enter(reader.uvarint());
  eachField(reader, read);
  reader.leave(outerEnd);
}

function eachField(reader: ByteReader, read: FieldReader): void {
  while (reader.remaining > 0) {
    const field = reader.uvarint();
    if (!read(field, reader)) skip(reader, field % 8);
  }
}

function skip(reader: ByteReader, wire: number): void {
  if (wire === VARINT) varint(reader);
  else if (wire === FIXED64) reader.skip(8);
  else if (wire === BYTES) reader.skip(reader.uvarint());
  else if (wire === FIXED32) reader.skip(4);
  else throw reader.malformed(`protobuf wire type ${wire}`);
}

/** Cut before it is decoded: what is cut off a string stays in memory with what is kept of it. */
function text(reader: ByteReader, lengthMax: number): string {
  const bytes = reader.bytes(reader.uvarint());
  const kept = Math.min(bytes.byteLength, lengthMax * UTF8_BYTES_MAX);
  return Buffer.from(bytes.buffer, bytes.byteOffset, kept).toString("utf8").slice(0, lengthMax);
}

function fixed64(reader: ByteReader): DataView {
  const bytes = reader.bytes(8);
  return new DataView(bytes.buffer, bytes.byteOffset, 8);
}

/** Unsigned, 64 bits. */
function varint(reader: ByteReader): bigint {
  let value = 0n;
  for (let at = 0; at < VARINT_BYTES_MAX; at += 1) {
    const byte = reader.int8() & 0xff;
    value |= BigInt(byte & 0x7f) << BigInt(7 * at);
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw reader.malformed("a varint of more than 64 bits");
}
