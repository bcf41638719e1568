import type { Field, Fields, Message } from "@tidemq/protocol/schema.ts";
import { includes } from "@tidemq/protocol/version-range.ts";
import fc from "fast-check";
import type { Values } from "./sample-value.ts";

/** Any value that this version of the message can carry. Fields that have a default may be missing. */
export function arbitraryValue(message: Message, version: number): fc.Arbitrary<Values> {
  return structArbitrary(message.fields, version);
}

function structArbitrary(fields: Fields, version: number): fc.Arbitrary<Values> {
  const present = Object.entries(fields).filter(([, field]) => field.versions === undefined || includes(field.versions, version));
  const required = present.filter(
    ([, field]) => field.versions === undefined && field.defaultValue === undefined && field.tag === undefined,
  );
  const model = Object.fromEntries(present.map(([name, field]) => [name, fieldArbitrary(field, version)]));
  return fc.record(model, { requiredKeys: required.map(([name]) => name) });
}

function fieldArbitrary(field: Field, version: number): fc.Arbitrary<unknown> {
  const value = plainArbitrary(field, version);
  return includes(field.nullable, version) ? fc.option(value, { nil: null, freq: 4 }) : value;
}

function plainArbitrary(field: Field, version: number): fc.Arbitrary<unknown> {
  if (field.element !== undefined) return fc.array(fieldArbitrary(field.element, version), { maxLength: 3 });
  if (field.fields !== undefined) return structArbitrary(field.fields, version);
  switch (field.type) {
    case "bool":
      return fc.boolean();
    case "int8":
      return fc.integer({ min: -128, max: 127 });
    case "int16":
      return fc.integer({ min: -0x8000, max: 0x7fff });
    case "uint16":
      return fc.integer({ min: 0, max: 0xffff });
    case "int32":
      return fc.integer();
    case "uint32":
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case "int64":
      return fc.oneof(fc.constant(-1), fc.maxSafeInteger());
    case "bigint64":
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case "float64":
      return fc.double({ noNaN: true });
    case "string":
      return fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: "grapheme", maxLength: 12 }), fc.constant("x".repeat(200)));
    case "uuid":
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("base64url"));
    default:
      return fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(Buffer.alloc(1500, 3)));
  }
}
