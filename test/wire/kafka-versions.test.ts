// Goal: our declarations are Kafka's: same keys, versions, fields, order, nullability, defaults, tags.
// Method: testdata/kafka-versions.json holds them as extracted from Kafka's clients jar by tools/extract-kafka-versions.ts.
// With KAFKA_CLIENTS_JAR set to that jar, the extraction itself is repeated and compared.
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { APIS } from "@tidemq/protocol/api-keys.ts";
import type { Field, Fields, Message } from "@tidemq/protocol/schema.ts";
import type { VersionRange } from "@tidemq/protocol/version-range.ts";
import { type ExtractedTable, extractKafkaVersions } from "../../tools/extract-kafka-versions.ts";
import { declaredMessages } from "./declarations.ts";

const table = JSON.parse(readFileSync(new URL("testdata/kafka-versions.json", import.meta.url), "utf8")) as ExtractedTable;
const messages = await declaredMessages();

for (const message of messages) {
  test(`${message.name} is Kafka's`, () => {
    const kafka = table.messages[message.name];
    ok(kafka !== undefined, "Kafka has such a message");
    equal(message.kind === "data" ? undefined : message.apiKey, kafka.apiKey);
    equal(show(message.versions), kafka.versions);
    equal(show(intersect(message.flexible, message.versions)), kafka.flexible);
    deepEqual(describe(message), kafka.fields);
  });
}

test("every declared request has its response, and the reverse", () => {
  const requests = messages.filter((message) => message.kind === "request").map((message) => message.apiKey);
  const responses = messages.filter((message) => message.kind === "response").map((message) => message.apiKey);
  deepEqual(requests, responses);
  ok(requests.length >= 14);
});

test("the table of APIs is Kafka's", () => {
  deepEqual(
    APIS.map((api) => [api.name, api.key, `${api.versionMin}-${api.versionMax}`, api.onBrokers]),
    Object.entries(table.apis).map(([name, api]) => [
      name,
      api.key,
      table.messages[`${name}Request`]?.versions,
      api.listeners.includes("broker"),
    ]),
  );
  for (const api of APIS) {
    for (const kind of ["Request", "Response"]) {
      const flexible = table.messages[`${api.name}${kind}`]?.flexible as string;
      equal(
        api.flexibleFrom < 0 ? "none" : `${Math.max(api.flexibleFrom, api.versionMin)}-${api.versionMax}`,
        flexible,
        `${api.name}${kind}`,
      );
    }
  }
});

test("the extraction can be repeated", { skip: process.env["KAFKA_CLIENTS_JAR"] === undefined && "KAFKA_CLIENTS_JAR is not set" }, () => {
  deepEqual(extractKafkaVersions(process.env["KAFKA_CLIENTS_JAR"] as string), table);
});

/** One line per field, in the form of the table. */
function describe(message: Message): string[] {
  const lines: string[] = [];
  describeFields(message.fields, message.versions, "", lines);
  return lines;
}

function describeFields(fields: Fields, outer: VersionRange, path: string, lines: string[]): void {
  for (const [name, field] of Object.entries(fields)) {
    const versions = intersect(field.versions ?? outer, outer);
    lines.push(describeField(field, `${path}${name}`, versions, outer));
    const inner = field.element?.fields ?? field.fields;
    if (inner !== undefined) describeFields(inner, versions, `${path}${name}${field.type === "array" ? "[]" : ""}.`, lines);
  }
}

function describeField(field: Field, name: string, versions: VersionRange, outer: VersionRange): string {
  const parts = [name, field.element === undefined ? typeName(field) : `[]${typeName(field.element)}`, show(versions)];
  const nullable = intersect(field.nullable, versions);
  if (nullable.min <= nullable.max) parts.push(`nullable=${show(nullable)}`);
  const given = field.defaultValue as string | number | bigint | boolean | null | undefined;
  if (given === null || (given !== undefined && given !== "" && given !== false && Number(given) !== 0)) {
    parts.push(`default=${typeof given === "string" ? JSON.stringify(given) : String(given)}`);
  }
  if (field.tag !== undefined) parts.push(`tag=${field.tag}@${show(intersect(field.taggedVersions ?? versions, versions))}`);
  const everywhere = versions.min === outer.min && versions.max === outer.max;
  if (!everywhere && field.ignorable) parts.push("ignorable");
  return parts.join(" ");
}

function typeName(field: Field): string {
  return field.type === "bigint64" ? "int64" : field.type;
}

function intersect(a: VersionRange | undefined, b: VersionRange): VersionRange {
  return a === undefined ? { min: 1, max: 0 } : { min: Math.max(a.min, b.min), max: Math.min(a.max, b.max) };
}

function show(range: VersionRange): string {
  return range.min > range.max ? "none" : `${range.min}-${range.max}`;
}
