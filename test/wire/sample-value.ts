import type { Field, Fields, Message } from "@tidemq/protocol/schema.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { includes } from "@tidemq/protocol/version-range.ts";

export type Values = Record<string, unknown>;

/**
 * A value of this version that follows from the declaration alone: the golden bytes belong to it.
 *
 * @param kind `full`: every field set, no two alike, two elements in a list. `empty`: everything null, empty, zero or default.
 */
export function sampleValue(message: Message, version: number, kind: "full" | "empty"): Values {
  return structValue(message.fields, version, kind, { next: 1 });
}

/** As a decoder returns it: fields that the version lacks have their default. */
export function withDefaults(fields: Fields, version: number, value: Values): Values {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      name in value ? complete(field, version, value[name]) : defaultOf(field, version),
    ]),
  );
}

function structValue(fields: Fields, version: number, kind: "full" | "empty", counter: { next: number }): Values {
  const entries = Object.entries(fields).filter(([, field]) => field.versions === undefined || includes(field.versions, version));
  return Object.fromEntries(entries.map(([name, field]) => [name, fieldValue(field, version, kind, counter)]));
}

function fieldValue(field: Field, version: number, kind: "full" | "empty", counter: { next: number }): unknown {
  if (kind === "empty" && field.tag !== undefined) return defaultOf(field, version);
  if (kind === "empty" && includes(field.nullable, version)) return null;
  const element = field.element;
  if (element !== undefined) return kind === "empty" ? [] : [0, 1].map(() => fieldValue(element, version, kind, counter));
  if (field.fields !== undefined) return structValue(field.fields, version, kind, counter);
  return kind === "empty" ? zeroOf(field) : scalarValue(field, counter.next++);
}

/** Different for each n, and different from every default. */
function scalarValue(field: Field, n: number): unknown {
  switch (field.type) {
    case "bool":
      return field.defaultValue !== true;
    case "int8":
      return (n % 100) + 1;
    case "int16":
    case "uint16":
      return 0x100 + n;
    case "int32":
    case "uint32":
      return 0x1_0000 + n;
    case "int64":
      return 0x1_0000_0000 * 0x10_000 + n;
    case "bigint64":
      return 0x7000_0000_0000_0000n + BigInt(n);
    case "float64":
      return n + 0.5;
    case "string":
      return n % 3 === 0 ? `größer-${n}` : `text-${n}`;
    case "uuid":
      return Buffer.alloc(16, (n % 250) + 2).toString("base64url");
    default:
      return Buffer.from([n & 0xff, 2, 3]);
  }
}

function zeroOf(field: Field): unknown {
  switch (field.type) {
    case "bool":
      return false;
    case "bigint64":
      return 0n;
    case "string":
      return "";
    case "uuid":
      return ZERO_UUID;
    case "bytes":
    case "records":
      return Buffer.alloc(0);
    default:
      return 0;
  }
}

function defaultOf(field: Field, version: number): unknown {
  if (field.defaultValue !== undefined) return field.defaultValue;
  if (field.element !== undefined) return [];
  if (field.fields !== undefined) return withDefaults(field.fields, version, {});
  return zeroOf(field);
}

function complete(field: Field, version: number, value: unknown): unknown {
  if (value === undefined) return defaultOf(field, version);
  if (value === null) return null;
  const element = field.element;
  if (element !== undefined) return (value as unknown[]).map((item) => complete(element, version, item));
  if (field.fields !== undefined) return withDefaults(field.fields, version, value as Values);
  return value;
}
