import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import type { DecodedRecord } from "@tidemq/protocol/record.ts";
import { UsageError } from "./command-error.ts";
import { parseFormat } from "./record-format.ts";

const RECORD: DecodedRecord = {
  offset: 42,
  timestampMs: 1_700_000_000_123,
  key: Buffer.from("key"),
  value: Buffer.from([0xff, 0x00]),
  headers: [
    { key: "a", value: Buffer.from("1") },
    { key: "b", value: null },
  ],
};
const EMPTY: DecodedRecord = { offset: 0, timestampMs: -1, key: null, value: null, headers: [] };

function shown(format: string, record: DecodedRecord = RECORD): string {
  return Buffer.from(parseFormat(format)("t", 7, record)).toString("latin1");
}

test("letters stand for parts of the record, bytes as they are", () => {
  equal(shown("%t[%p]@%o %T %k/%K %h %%"), "t[7]@42 1700000000123 key/3 a=1,b=NULL %");
  equal(shown("%v%s"), "\xff\x00\xff\x00");
  equal(shown("%V %S"), "2 2");
  equal(shown("<%k|%v|%h>%K %V", EMPTY), "<||>-1 -1");
});

test("escapes stand for bytes", () => {
  equal(shown("a\\n\\r\\t\\0\\x41\\xff\\\\"), "a\n\r\t\0A\xff\\");
  equal(shown("ü"), Buffer.from("ü").toString("latin1"));
});

test("json: one line, bytes that are no text in base64", () => {
  const line = shown("json");
  equal(line.endsWith("}\n"), true);
  deepEqual(JSON.parse(line), {
    topic: "t",
    partition: 7,
    offset: 42,
    timestamp: 1_700_000_000_123,
    key: "key",
    value: { base64: "/wA=" },
    headers: [
      { key: "a", value: "1" },
      { key: "b", value: null },
    ],
  });
});

test("what means nothing is refused", () => {
  for (const format of ["%z", "%", "x%", "\\q", "\\", "%constructor"]) throws(() => parseFormat(format), UsageError, format);
});
