import { Buffer, isUtf8 } from "node:buffer";
import type { DecodedRecord, RecordHeader } from "@tidemq/protocol/record.ts";
import { UsageError } from "./command-error.ts";

/** Makes what is printed of one record. */
export type RecordFormat = (topic: string, partition: number, record: DecodedRecord) => Uint8Array;

type Part = Uint8Array | RecordFormat;

const DIRECTIVES: Readonly<Record<string, RecordFormat>> = {
  v: (_topic, _partition, record) => record.value ?? EMPTY,
  s: (_topic, _partition, record) => record.value ?? EMPTY,
  V: (_topic, _partition, record) => text(record.value?.byteLength ?? -1),
  S: (_topic, _partition, record) => text(record.value?.byteLength ?? -1),
  k: (_topic, _partition, record) => record.key ?? EMPTY,
  K: (_topic, _partition, record) => text(record.key?.byteLength ?? -1),
  h: (_topic, _partition, record) => Buffer.from(record.headers.map(headerText).join(",")),
  o: (_topic, _partition, record) => text(record.offset),
  p: (_topic, partition) => text(partition),
  t: (topic) => Buffer.from(topic),
  T: (_topic, _partition, record) => text(record.timestampMs),
  "%": () => PERCENT,
};

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "0": "\0", "\\": "\\" };
const EMPTY = new Uint8Array(0);
const PERCENT = Buffer.from("%");
const NEWLINE = Buffer.from("\n");

/**
 * Reads a format: `%` and a letter stand for a part of the record, as in kcat; `\n \r \t \0 \xHH \\` for bytes.
 *
 * @throws {UsageError} For a letter that means nothing.
 */
export function parseFormat(format: string): RecordFormat {
  if (format === "json") return (topic, partition, record) => Buffer.from(`${JSON.stringify(recordAsJson(topic, partition, record))}\n`);
  const parts: Part[] = [];
  for (const match of format.matchAll(/%(.?)|\\(?:x([0-9A-Fa-f]{2})|(.?))|[^%\\]+/gsu)) parts.push(partOf(match));
  return (topic, partition, record) =>
    Buffer.concat(parts.map((part) => (typeof part === "function" ? part(topic, partition, record) : part)));
}

/** The value and a line feed: what `parseFormat("%v\\n")` gives. */
export const VALUE_LINES: RecordFormat = (_topic, _partition, record) => Buffer.concat([record.value ?? EMPTY, NEWLINE]);

function partOf(match: RegExpExecArray | RegExpMatchArray): Part {
  const [whole, directive, hex, escape] = match;
  if (directive !== undefined) return directiveOf(directive);
  if (hex !== undefined) return Buffer.from([Number.parseInt(hex, 16)]);
  if (escape !== undefined) {
    const byte = ESCAPES[escape];
    if (byte === undefined) throw new UsageError(`--format: \\${escape} means nothing; there are \\n \\r \\t \\0 \\xHH \\\\`);
    return Buffer.from(byte);
  }
  return Buffer.from(whole ?? "");
}

function directiveOf(letter: string): RecordFormat {
  const directive = Object.hasOwn(DIRECTIVES, letter) ? DIRECTIVES[letter] : undefined;
  if (directive === undefined) throw new UsageError(`--format: %${letter} means nothing; there are %v %V %k %K %h %o %p %t %T %%`);
  return directive;
}

function text(value: number): Uint8Array {
  return Buffer.from(String(value));
}

function headerText(header: RecordHeader): string {
  return `${header.key}=${header.value === null ? "NULL" : Buffer.from(header.value).toString()}`;
}

/** One record as an object for JSON. Bytes that are not UTF-8 become `{ "base64": … }`. */
export function recordAsJson(topic: string, partition: number, record: DecodedRecord): Readonly<Record<string, unknown>> {
  return {
    topic,
    partition,
    offset: record.offset,
    timestamp: record.timestampMs,
    key: bytesAsJson(record.key),
    value: bytesAsJson(record.value),
    headers: record.headers.map((header) => ({ key: header.key, value: bytesAsJson(header.value) })),
  };
}

function bytesAsJson(bytes: Uint8Array | null): string | null | Readonly<{ base64: string }> {
  if (bytes === null) return null;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString() : { base64: buffer.toString("base64") };
}
