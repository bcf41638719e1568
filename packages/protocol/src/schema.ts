import { assert } from "./assert.ts";
import { parseVersions, type VersionRange, type Versions } from "./version-range.ts";

/** How one value lies on the wire. `bigint64` is an int64 whose full range carries meaning. */
export type ScalarType =
  | "bool"
  | "int8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "bigint64"
  | "float64"
  | "string"
  | "uuid"
  | "bytes"
  | "records";

/** The uuid that stands for none. */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

declare const DECODED: unique symbol;
declare const INPUT: unique symbol;
declare const OPTIONAL: unique symbol;

/**
 * One field of a message: `Decoded` is what a decoder returns, `Input` what an encoder takes,
 * `Optional` whether a caller may leave it out. A codec is derived from it per version (codec.ts).
 */
export type Field<Decoded = unknown, Input = unknown, Optional extends boolean = boolean> = {
  readonly type: ScalarType | "array" | "struct";
  /** Versions that carry the field; undefined: all. */
  readonly versions: VersionRange | undefined;
  readonly nullable: VersionRange | undefined;
  /** undefined: the zero of the type. */
  readonly defaultValue: unknown;
  /** Whether a value may be dropped silently when the version does not carry the field. */
  readonly ignorable: boolean;
  readonly tag: number | undefined;
  readonly taggedVersions: VersionRange | undefined;
  readonly clamp: boolean;
  readonly element: Field | undefined;
  readonly fields: Fields | undefined;
  readonly [DECODED]?: Decoded;
  readonly [INPUT]?: Input;
  readonly [OPTIONAL]?: Optional;
};

/** Fields in the order of the wire, named in camel case after Kafka's definition. */
export type Fields = { readonly [name: string]: Field };

export type FieldOptions<T> = Readonly<{
  versions?: Versions;
  nullable?: Versions;
  default?: T | null;
  ignorable?: boolean;
  tag?: number;
  /** Versions in which the field is a tagged one; when absent, all that carry it. */
  tagged?: Versions;
}>;

type OrNull<O> = O extends { readonly nullable: string } ? null : never;
type IsOptional<O> = O extends { readonly versions: string } | { readonly default: unknown } | { readonly tag: number } ? true : false;
type Scalar<T, O, I = T> = Field<T | OrNull<O>, I | OrNull<O>, IsOptional<O>>;
type Flatten<T> = { readonly [K in keyof T]: T[K] };

/** What a decoder returns: every field, those absent in the version with their default. */
export type Decoded<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer D, unknown, boolean> ? D : never };

type OptionalNames<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<unknown, unknown, infer O> ? (O extends true ? K : never) : never;
}[keyof F];
type InputOf<F> = F extends Field<unknown, infer I, boolean> ? I : never;

/** What an encoder takes: fields that have a default, or that some version lacks, may be left out. */
export type Input<F extends Fields> = Flatten<
  { readonly [K in Exclude<keyof F, OptionalNames<F>>]: InputOf<F[K]> } & { readonly [K in OptionalNames<F>]?: InputOf<F[K]> | undefined }
>;

export function bool<const O extends FieldOptions<boolean>>(options?: O): Scalar<boolean, O> {
  return field("bool", options);
}
export function int8<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return field("int8", options);
}
export function int16<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return field("int16", options);
}
export function uint16<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return field("uint16", options);
}
export function int32<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return field("int32", options);
}
export function uint32<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return field("uint32", options);
}
/** A safe integer inside. `clamp`: what lies outside the safe range is read as its nearest end instead of refused. */
export function int64<const O extends FieldOptions<number> & { readonly clamp?: boolean }>(options?: O): Scalar<number, O> {
  return { ...field("int64", options), clamp: options?.clamp === true };
}
export function bigint64<const O extends FieldOptions<bigint>>(options?: O): Scalar<bigint, O> {
  return field("bigint64", options);
}
export function float64<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return field("float64", options);
}
export function string<const O extends FieldOptions<string>>(options?: O): Scalar<string, O> {
  return field("string", options);
}
/** 22 characters of base64url, as Kafka prints them. */
export function uuid<const O extends FieldOptions<string>>(options?: O): Scalar<string, O> {
  return field("uuid", options);
}
/** Decodes to a view of the frame. */
export function bytes<const O extends FieldOptions<Uint8Array>>(options?: O): Scalar<Uint8Array, O> {
  return field("bytes", options);
}
/** Record batches. Decodes to a view of the frame; encodes from one array or from pieces that follow one another. */
export function records<const O extends FieldOptions<Uint8Array>>(options?: O): Scalar<Uint8Array, O, Uint8Array | readonly Uint8Array[]> {
  return field("records", options);
}

/** Many of one scalar. */
export function arrayOf<D, I, const O extends FieldOptions<never>>(
  element: Field<D, I, boolean>,
  options?: O,
): Field<readonly D[] | OrNull<O>, readonly I[] | OrNull<O>, IsOptional<O>> {
  return { ...field("array", options), element };
}

/** Many of one structure. */
export function array<const F extends Fields, const O extends FieldOptions<never>>(
  fields: F,
  options?: O,
): Field<readonly Decoded<F>[] | OrNull<O>, readonly Input<F>[] | OrNull<O>, IsOptional<O>> {
  return { ...field("array", options), element: struct(fields) };
}

export function struct<const F extends Fields, const O extends FieldOptions<never>>(
  fields: F,
  options?: O,
): Field<Decoded<F> | OrNull<O>, Input<F> | OrNull<O>, IsOptional<O>> {
  return { ...field("struct", options), fields };
}

/** A request, a response, or a structure that is versioned on its own (header, group metadata). */
export type Message<F extends Fields = Fields> = {
  readonly name: string;
  /** −1: not an API of its own. */
  readonly apiKey: number;
  readonly kind: "request" | "response" | "data";
  readonly versions: VersionRange;
  /** First version with compact lengths and tagged fields; undefined: none. */
  readonly flexible: VersionRange | undefined;
  readonly fields: F;
};

/** The declaration of a message: the only place that knows its bytes. */
export function message<const F extends Fields>(
  declaration: Readonly<{
    name: string;
    apiKey?: number;
    kind: "request" | "response" | "data";
    versions: Versions;
    flexible?: Versions;
    fields: F;
  }>,
): Message<F> {
  const versions = parseVersions(declaration.versions);
  assert(declaration.kind === "data" || declaration.apiKey !== undefined, `${declaration.name} has an api key`);
  return {
    name: declaration.name,
    apiKey: declaration.apiKey ?? -1,
    kind: declaration.kind,
    versions,
    flexible: declaration.flexible === undefined ? undefined : parseVersions(declaration.flexible),
    fields: declaration.fields,
  };
}

/** A decoded message: every field is there. */
export type MessageOf<M extends Message> = Decoded<M["fields"]>;
/** A message to encode: what has a default may be left out. */
export type MessageInput<M extends Message> = Input<M["fields"]>;

function field(
  type: Field["type"],
  options: (FieldOptions<unknown> & { readonly clamp?: boolean }) | undefined,
): Field<never, never, never> {
  const versions = options?.versions === undefined ? undefined : parseVersions(options.versions);
  assert(options?.tagged === undefined || options.tag !== undefined, "tagged versions without a tag");
  return {
    type,
    versions,
    nullable: options?.nullable === undefined ? undefined : parseVersions(options.nullable),
    defaultValue: options?.default,
    ignorable: options?.ignorable === true,
    tag: options?.tag,
    taggedVersions: options?.tagged === undefined ? undefined : parseVersions(options.tagged),
    clamp: false,
    element: undefined,
    fields: undefined,
  };
}
