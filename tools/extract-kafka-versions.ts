// Writes the table of Kafka's APIs, versions and fields that test/wire compares our declarations with:
//
//   mvn dependency:copy -Dartifact=org.apache.kafka:kafka-clients:4.3.1 -DoutputDirectory=/tmp
//   node tools/extract-kafka-versions.ts /tmp/kafka-clients-4.3.1.jar test/wire/testdata/kafka-versions.json
//
// The source is `common/message/*.json` inside the jar. Only facts are taken (names, numbers, ranges), as one short line per field.
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { inflateRawSync } from "node:zlib";

/** A field as Kafka's definitions write it. */
type JsonField = Readonly<{
  name: string;
  type: string;
  versions: string;
  nullableVersions?: string;
  taggedVersions?: string;
  tag?: number;
  default?: string | number | boolean;
  ignorable?: boolean | string;
  fields?: readonly JsonField[];
}>;

type JsonMessage = Readonly<{
  apiKey?: number;
  name: string;
  type: "request" | "response" | "header" | "data";
  listeners?: readonly string[];
  validVersions: string;
  latestVersionUnstable?: boolean;
  flexibleVersions?: string;
  fields?: readonly JsonField[];
  commonStructs?: readonly Readonly<{ name: string; versions: string; fields: readonly JsonField[] }>[];
}>;

/** What is compared: versions that are served by default, and every field in them. */
export type ExtractedMessage = Readonly<{ apiKey?: number; versions: string; flexible: string; fields: readonly string[] }>;
export type ExtractedTable = Readonly<{
  source: string;
  apis: Readonly<Record<string, Readonly<{ key: number; listeners: readonly string[] }>>>;
  messages: Readonly<Record<string, ExtractedMessage>>;
}>;

type Range = Readonly<{ min: number; max: number }>;
const NEVER: Range = { min: 1, max: 0 };

/** The table of one jar. */
export function extractKafkaVersions(jarPath: string): ExtractedTable {
  const apis: Record<string, { key: number; listeners: readonly string[] }> = {};
  const messages: Record<string, ExtractedMessage> = {};
  const definitions = [...readZip(jarPath, /^common\/message\/\w+\.json$/)].map(([, text]) => parseDefinition(text));
  const unstable = new Set(definitions.filter((message) => message.latestVersionUnstable === true).map((message) => message.apiKey));
  for (const message of definitions.sort((a, b) => (a.apiKey ?? -1) - (b.apiKey ?? -1) || (a.name < b.name ? -1 : 1))) {
    const all = parseRange(message.validVersions);
    if (all.min > all.max || message.fields === undefined) continue;
    const isApi = message.type === "request" || message.type === "response";
    const served = isApi && unstable.has(message.apiKey) ? { min: all.min, max: all.max - 1 } : all;
    messages[message.name] = extractMessage(message, served);
    if (message.type === "request") {
      apis[message.name.replace(/Request$/, "")] = { key: message.apiKey as number, listeners: message.listeners ?? [] };
    }
  }
  return { source: `${basename(jarPath)}, common/message/*.json`, apis, messages };
}

function extractMessage(message: JsonMessage, served: Range): ExtractedMessage {
  const fields: string[] = [];
  describeFields(message, message.fields ?? [], served, "", fields);
  return {
    ...(message.apiKey === undefined ? {} : { apiKey: message.apiKey }),
    versions: showRange(served),
    flexible: showRange(intersect(parseRange(message.flexibleVersions ?? "none"), served)),
    fields,
  };
}

function describeFields(message: JsonMessage, fields: readonly JsonField[], outer: Range, path: string, lines: string[]): void {
  for (const field of fields) {
    const versions = intersect(parseRange(field.versions), outer);
    if (versions.min > versions.max) continue;
    const name = `${path}${field.name.charAt(0).toLowerCase()}${field.name.slice(1)}`;
    const isArray = field.type.startsWith("[]");
    const element = isArray ? field.type.slice(2) : field.type;
    const isStruct = /^[A-Z]/.test(element);
    lines.push(describeField(field, name, isStruct ? `${isArray ? "[]" : ""}struct` : field.type, versions, outer));
    if (!isStruct) continue;
    const inner = field.fields ?? message.commonStructs?.find((common) => common.name === element)?.fields;
    if (inner === undefined) throw new Error(`${message.name}: structure ${element} is not defined`);
    describeFields(message, inner, versions, `${name}${isArray ? "[]" : ""}.`, lines);
  }
}

function describeField(field: JsonField, name: string, type: string, versions: Range, outer: Range): string {
  const parts = [name, type, showRange(versions)];
  const nullable = intersect(parseRange(field.nullableVersions ?? "none"), versions);
  if (nullable.min <= nullable.max) parts.push(`nullable=${showRange(nullable)}`);
  const defaultText = showDefault(type, field.default);
  if (defaultText !== undefined) parts.push(`default=${defaultText}`);
  if (field.tag !== undefined) parts.push(`tag=${field.tag}@${showRange(intersect(parseRange(field.taggedVersions ?? "none"), versions))}`);
  const everywhere = versions.min === outer.min && versions.max === outer.max;
  if (!everywhere && String(field.ignorable) === "true") parts.push("ignorable");
  return parts.join(" ");
}

/** undefined: the zero of the type. */
function showDefault(type: string, value: JsonField["default"]): string | undefined {
  if (value === undefined || value === "") return undefined;
  if (String(value) === "null") return "null";
  if (type === "string") return JSON.stringify(value);
  if (type === "bool") return String(value) === "true" ? "true" : undefined;
  const number = BigInt(value);
  return number === 0n ? undefined : String(number);
}

/** The definitions are JSON with line comments. */
function parseDefinition(text: string): JsonMessage {
  return JSON.parse(text.replace(/^\s*\/\/.*$/gm, "").replace(/(?<=[,[{\]}])\s*\/\/[^"\n]*$/gm, "")) as JsonMessage;
}

function parseRange(text: string): Range {
  if (text === "none") return NEVER;
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  if (match === null) throw new Error(`version range ${text}`);
  const min = Number(match[1]);
  return { min, max: match[2] === undefined ? Number(match[3] ?? min) : 0x7fff };
}

function intersect(a: Range, b: Range): Range {
  return { min: Math.max(a.min, b.min), max: Math.min(a.max, b.max) };
}

function showRange(range: Range): string {
  return range.min > range.max ? "none" : `${range.min}-${range.max}`;
}

/** Entries of a zip file whose name matches: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7, 4.3.12, 4.3.16. */
function* readZip(path: string, names: RegExp): Generator<readonly [name: string, text: string]> {
  const zip = readFileSync(path);
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < 0) throw new Error(`${path} is no zip file`);
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const nameBytes = zip.readUInt16LE(at + 28);
    const name = zip.toString("utf8", at + 46, at + 46 + nameBytes);
    if (names.test(name)) yield [name, readEntry(zip, zip.readUInt32LE(at + 42), zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20))];
    at += 46 + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
}

function readEntry(zip: Buffer, at: number, method: number, packedBytes: number): string {
  const start = at + 30 + zip.readUInt16LE(at + 26) + zip.readUInt16LE(at + 28);
  const packed = zip.subarray(start, start + packedBytes);
  if (method === 0) return packed.toString();
  if (method === 8) return inflateRawSync(packed).toString();
  throw new Error(`compression method ${method}`);
}

if (import.meta.main) {
  const [jar, output] = process.argv.slice(2);
  if (jar === undefined || output === undefined) throw new Error("usage: extract-kafka-versions.ts JAR OUTPUT");
  writeFileSync(output, `${JSON.stringify(extractKafkaVersions(jar), undefined, 2)}\n`);
}
