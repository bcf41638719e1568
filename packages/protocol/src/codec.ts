import { assert, InvariantViolation } from "./assert.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { ProtocolError } from "./protocol-error.ts";
import { type Field, type Fields, type Message, type MessageInput, type MessageOf, ZERO_UUID } from "./schema.ts";
import { includes } from "./version-range.ts";

/** What is made of a field for one version. `bytesMin`: the fewest bytes that a value takes on the wire. */
type Codec = {
  readonly bytesMin: number;
  readonly defaultValue: unknown;
  readonly read: (reader: ByteReader) => unknown;
  readonly write: (writer: ByteWriter, value: unknown) => void;
  readonly isDefault: (value: unknown) => boolean;
};

type Values = { [name: string]: unknown };
type NamedCodec = Codec & { readonly name: string };

/** Values of at least so many bytes on the wire take little more on the heap. */
const SMALL_BYTES = 4;
const EMPTY_BYTES = new Uint8Array(0);
const EMPTY_LIST: readonly never[] = Object.freeze([]);
const compiled = new WeakMap<Message, Codec[]>();

/**
 * Reads one message of this version; the reader then stands behind it.
 *
 * @throws {ProtocolError} MALFORMED, TOO_LARGE, UNSUPPORTED_VERSION; nothing else, whatever the bytes.
 */
export function decodeMessage<M extends Message>(declaration: M, version: number, reader: ByteReader): MessageOf<M> {
  return codecOf(declaration, version).read(reader) as MessageOf<M>;
}

/**
 * Appends one message of this version.
 *
 * @throws {ProtocolError} UNENCODABLE when a value does not fit; UNSUPPORTED_VERSION for a version that the message does
 *   not have, or when a field is set that this version cannot carry and whose loss would change the meaning.
 */
export function encodeMessage<M extends Message>(declaration: M, version: number, value: MessageInput<M>, writer: ByteWriter): void {
  codecOf(declaration, version).write(writer, value);
}

/** Whether this version has compact lengths and tagged fields. */
export function isFlexible(declaration: Message, version: number): boolean {
  return includes(declaration.flexible, version);
}

function codecOf(declaration: Message, version: number): Codec {
  if (!includes(declaration.versions, version)) {
    throw new ProtocolError("UNSUPPORTED_VERSION", `no such version. message=${declaration.name} version=${version}`);
  }
  let codecs = compiled.get(declaration);
  if (codecs === undefined) compiled.set(declaration, (codecs = []));
  const known = codecs[version];
  if (known !== undefined) return known;
  const made = structCodec(declaration.fields, version, includes(declaration.flexible, version), declaration.name);
  codecs[version] = made;
  return made;
}

function fieldCodec(field: Field, version: number, flexible: boolean, path: string): Codec {
  const nullable = includes(field.nullable, version);
  switch (field.type) {
    case "array":
      return arrayCodec(field, version, flexible, path, nullable);
    case "struct": {
      assert(field.fields !== undefined, `${path} has fields`);
      const inner = structCodec(field.fields, version, flexible, path);
      return field.nullable === undefined ? inner : nullableStructCodec(inner, path, nullable, field.defaultValue === null);
    }
    default:
      return scalarCodec(field, flexible, path, nullable);
  }
}

/** Fields in order, then, in a flexible version, the tagged ones in the order of their tags. */
function structCodec(fields: Fields, version: number, flexible: boolean, path: string): Codec {
  const plain: NamedCodec[] = [];
  const tagged: NamedCodec[] = [];
  const absent: NamedCodec[] = [];
  const template: Values = {};
  for (const [name, field] of Object.entries(fields)) {
    const codec = { name, ...fieldCodec(field, version, flexible, `${path}.${name}`) };
    template[name] = codec.defaultValue;
    if (field.versions !== undefined && !includes(field.versions, version)) {
      if (!field.ignorable) absent.push(codec);
    } else if (isTagged(field, version, flexible)) {
      assert(tagged[field.tag as number] === undefined, `${path}: tag ${field.tag} is used twice`);
      tagged[field.tag as number] = codec;
    } else {
      plain.push(codec);
    }
  }
  Object.freeze(template);
  return {
    bytesMin: plain.reduce((sum, codec) => sum + codec.bytesMin, flexible ? 1 : 0),
    defaultValue: template,
    read: (reader) => {
      reader.claimElements(1);
      const value: Values = { ...template };
      for (const codec of plain) value[codec.name] = codec.read(reader);
      if (flexible) readTagged(reader, tagged, value);
      return value;
    },
    write: (writer, given) => {
      const value = given as Values;
      for (const codec of absent) refuseLoss(codec, value, version, path);
      for (const codec of plain) {
        const own = value[codec.name];
        codec.write(writer, own === undefined ? codec.defaultValue : own);
      }
      if (flexible) writeTagged(writer, tagged, value);
    },
    isDefault: (given) => {
      const value = given as Values;
      const all = [...plain, ...tagged.filter((codec) => codec !== undefined)];
      return all.every((codec) => value[codec.name] === undefined || codec.isDefault(value[codec.name]));
    },
  };
}

function isTagged(field: Field, version: number, flexible: boolean): boolean {
  return flexible && field.tag !== undefined && (field.taggedVersions === undefined || includes(field.taggedVersions, version));
}

/** Tags that this version does not know are skipped: that is how newer peers stay understood. */
function readTagged(reader: ByteReader, tagged: readonly NamedCodec[], value: Values): void {
  for (let left = reader.uvarint(); left > 0; left -= 1) {
    const codec = tagged[reader.uvarint()];
    const byteCount = reader.uvarint();
    if (codec === undefined) {
      reader.skip(byteCount);
    } else {
      const outer = reader.enter(byteCount);
      value[codec.name] = codec.read(reader);
      reader.leave(outer);
    }
  }
}

function writeTagged(writer: ByteWriter, tagged: readonly NamedCodec[], value: Values): void {
  let count = 0;
  for (const codec of tagged) if (isSet(codec, value)) count += 1;
  writer.uvarint(count);
  for (const [tag, codec] of count === 0 ? [] : tagged.entries()) {
    if (!isSet(codec, value)) continue;
    writer.uvarint(tag);
    const start = writer.beginSized();
    codec.write(writer, value[codec.name]);
    writer.endSized(start);
  }
}

function isSet(codec: NamedCodec | undefined, value: Values): boolean {
  if (codec === undefined) return false;
  const own = value[codec.name];
  return own !== undefined && !codec.isDefault(own);
}

function refuseLoss(codec: NamedCodec, value: Values, version: number, path: string): void {
  if (!isSet(codec, value)) return;
  throw new ProtocolError("UNSUPPORTED_VERSION", `field is not in this version. field=${path}.${codec.name} version=${version}`);
}

/** A nullable structure is preceded by one byte: −1 = null, 1 = there. */
function nullableStructCodec(inner: Codec, path: string, nullable: boolean, defaultNull: boolean): Codec {
  return {
    bytesMin: 1,
    defaultValue: defaultNull ? null : inner.defaultValue,
    read: (reader) => {
      if (!nullable) return inner.read(reader);
      return reader.int8() < 0 ? null : inner.read(reader);
    },
    write: (writer, value) => {
      if (!nullable && value === null) throw notNullable(path);
      if (nullable) writer.int8(value === null ? -1 : 1);
      if (value !== null) inner.write(writer, value);
    },
    isDefault: (value) => (value === null ? defaultNull : !defaultNull && inner.isDefault(value)),
  };
}

function arrayCodec(field: Field, version: number, flexible: boolean, path: string, nullable: boolean): Codec {
  assert(field.element !== undefined, `${path} has an element`);
  const element = fieldCodec(field.element, version, flexible, path);
  assert(element.bytesMin > 0, `${path}: an element takes at least one byte`);
  const defaultValue = field.defaultValue === null ? null : EMPTY_LIST;
  const isSmall = field.element.type !== "struct" && element.bytesMin < SMALL_BYTES;
  return {
    bytesMin: flexible ? 1 : 4,
    defaultValue,
    read: (reader) => {
      const count = flexible ? reader.compactLength() : reader.length();
      if (count < 0) return nullOr(reader, nullable, path);
      reader.checkCount(count, element.bytesMin);
      if (isSmall) reader.claimElements(count); // structures claim for themselves
      const list: unknown[] = [];
      for (let i = 0; i < count; i += 1) list.push(element.read(reader));
      return list;
    },
    write: (writer, value) => {
      if (value === null && !nullable) throw notNullable(path);
      const list = value as readonly unknown[] | null;
      const count = list === null ? -1 : list.length;
      if (flexible) writer.compactLengthPrefix(count);
      else writer.lengthPrefix(count);
      for (let i = 0; i < count; i += 1) element.write(writer, (list as readonly unknown[])[i]);
    },
    isDefault: (value) => (value === null ? defaultValue === null : defaultValue !== null && (value as unknown[]).length === 0),
  };
}

function scalarCodec(field: Field, flexible: boolean, path: string, nullable: boolean): Codec {
  const zero = field.defaultValue;
  switch (field.type) {
    case "bool":
      return scalar(
        1,
        zero ?? false,
        (r) => r.bool(),
        (w, v) => w.bool(v as boolean),
      );
    case "int8":
      return scalar(
        1,
        zero ?? 0,
        (r) => r.int8(),
        (w, v) => w.int8(v as number),
      );
    case "int16":
      return scalar(
        2,
        zero ?? 0,
        (r) => r.int16(),
        (w, v) => w.int16(v as number),
      );
    case "uint16":
      return scalar(
        2,
        zero ?? 0,
        (r) => r.uint16(),
        (w, v) => w.uint16(v as number),
      );
    case "int32":
      return scalar(
        4,
        zero ?? 0,
        (r) => r.int32(),
        (w, v) => w.int32(v as number),
      );
    case "uint32":
      return scalar(
        4,
        zero ?? 0,
        (r) => r.uint32(),
        (w, v) => w.uint32(v as number),
      );
    case "int64":
      return scalar(8, zero ?? 0, field.clamp ? (r) => r.int64Clamped() : (r) => r.int64(), (w, v) => w.int64(v as number));
    case "bigint64":
      return scalar(
        8,
        zero ?? 0n,
        (r) => r.bigint64(),
        (w, v) => w.bigint64(v as bigint),
      );
    case "float64":
      return scalar(
        8,
        zero ?? 0,
        (r) => r.float64(),
        (w, v) => w.float64(v as number),
      );
    case "uuid":
      return scalar(
        16,
        zero ?? ZERO_UUID,
        (r) => r.uuid(),
        (w, v) => w.uuid(v as string),
      );
    case "string":
      return stringCodec(zero === undefined ? "" : zero, flexible, path, nullable);
    case "bytes":
    case "records":
      return bytesCodec(zero === undefined ? EMPTY_BYTES : zero, flexible, path, nullable, field.type === "records");
    default:
      throw new InvariantViolation(`${path}: ${field.type} is no scalar`);
  }
}

function scalar(bytesMin: number, defaultValue: unknown, read: Codec["read"], write: Codec["write"]): Codec {
  return { bytesMin, defaultValue, read, write, isDefault: (value) => value === defaultValue };
}

function stringCodec(defaultValue: unknown, flexible: boolean, path: string, nullable: boolean): Codec {
  return {
    bytesMin: flexible ? 1 : 2,
    defaultValue,
    read: (reader) => (flexible ? reader.nullableCompactString() : reader.nullableString()) ?? nullOr(reader, nullable, path),
    write: (writer, value) => {
      if (value === null && !nullable) throw notNullable(path);
      if (flexible) writer.compactString(value as string | null);
      else writer.string(value as string | null);
    },
    isDefault: (value) => value === defaultValue,
  };
}

function bytesCodec(defaultValue: unknown, flexible: boolean, path: string, nullable: boolean, shared: boolean): Codec {
  return {
    bytesMin: flexible ? 1 : 4,
    defaultValue,
    read: (reader) => (flexible ? reader.nullableCompactBytes() : reader.nullableBytes()) ?? nullOr(reader, nullable, path),
    write: (writer, value) => {
      if (value === null && !nullable) throw notNullable(path);
      const pieces = value === null || value instanceof Uint8Array ? value : (value as readonly Uint8Array[]);
      const byteCount = pieces === null ? -1 : pieces instanceof Uint8Array ? pieces.byteLength : sumBytes(pieces);
      if (flexible) writer.compactLengthPrefix(byteCount);
      else writer.lengthPrefix(byteCount);
      if (pieces instanceof Uint8Array) writeBytes(writer, pieces, shared);
      else for (const piece of pieces ?? []) writeBytes(writer, piece, shared);
    },
    isDefault: (value) => (value === null ? defaultValue === null : defaultValue !== null && (value as Uint8Array).length === 0),
  };
}

function writeBytes(writer: ByteWriter, bytes: Uint8Array, shared: boolean): void {
  if (shared) writer.rawShared(bytes);
  else writer.raw(bytes);
}

function sumBytes(pieces: readonly Uint8Array[]): number {
  let sum = 0;
  for (const piece of pieces) sum += piece.byteLength;
  return sum;
}

function nullOr(reader: ByteReader, nullable: boolean, path: string): null {
  if (!nullable) throw reader.malformed(`${path} may not be null`);
  return null;
}

function notNullable(path: string): ProtocolError {
  return new ProtocolError("UNENCODABLE", `value does not fit. field=${path} value=null`);
}
