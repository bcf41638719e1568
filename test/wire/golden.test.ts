// Goal: our bytes are Kafka's, for every version of every message, in both directions.
// Method: testdata/golden-bytes.json was written by Kafka's own classes (golden/write-golden.ts) from the values that sample-value.ts makes.
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage, encodeMessage } from "@tidemq/protocol/codec.ts";
import { comparable } from "./comparable.ts";
import { declaredMessages, versionsOf } from "./declarations.ts";
import { sampleValue, withDefaults } from "./sample-value.ts";

type Golden = Record<string, Record<string, Record<"full" | "empty", string>>>;
const golden = JSON.parse(readFileSync(new URL("testdata/golden-bytes.json", import.meta.url), "utf8")) as Golden;

for (const message of await declaredMessages()) {
  test(`${message.name}: Kafka's bytes`, () => {
    for (const version of versionsOf(message)) {
      for (const kind of ["full", "empty"] as const) {
        const expected = golden[message.name]?.[version]?.[kind];
        ok(expected !== undefined, `golden bytes of version ${version}; see golden/write-golden.ts`);
        const value = sampleValue(message, version, kind);
        const writer = new ByteWriter(1);
        encodeMessage(message, version, value, writer);
        equal(Buffer.from(writer.finish()).toString("hex"), expected, `encoded version ${version}, ${kind}`);
        const reader = new ByteReader(Buffer.from(expected, "hex"));
        const decoded = decodeMessage(message, version, reader);
        equal(reader.remaining, 0);
        deepEqual(comparable(decoded), comparable(withDefaults(message.fields, version, value)), `decoded version ${version}, ${kind}`);
      }
    }
  });
}
